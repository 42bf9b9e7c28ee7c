"""The ground of the REST API for all apps, and the marketers' resources. See docs/developers/api.md."""
