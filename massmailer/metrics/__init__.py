"""/metrics for Prometheus: numbers that PostgreSQL and Redis know already, read anew for each scrape."""
