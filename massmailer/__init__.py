"""The composition root: settings, celery, urls, admin site, embedded engines, health and metrics."""
