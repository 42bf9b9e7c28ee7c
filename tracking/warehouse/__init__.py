"""Ledger, events, roll-ups and messages by day, as files that a data warehouse or DuckDB reads."""
