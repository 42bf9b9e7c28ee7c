"""`manage.py doctor`: looks at everything that mail needs on its way, and says the cure for what is wrong."""
