"""The sending engine: plain Python, no Django, no Celery, no database."""
