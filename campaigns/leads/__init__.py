"""Leads in and out: CSV files of any dialect into the table of leads, exports, and erasure of one person."""
