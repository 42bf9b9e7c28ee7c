"""`manage.py demo`: the whole product shown in one run, with sample leads and the sandbox mailbox."""
