"""The API's resources of delivery."""
