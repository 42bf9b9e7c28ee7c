"""The suppression list: adding, releasing, importing, exporting."""
