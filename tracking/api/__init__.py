"""What tracking adds to the REST API."""
