"""How the admin looks: unfold's settings."""

UNFOLD = {"SITE_TITLE": "MassMailer", "SITE_HEADER": "MassMailer"}
