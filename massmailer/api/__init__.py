"""The REST API as a whole: one object, its reference page, and its words for what no handler sees."""
