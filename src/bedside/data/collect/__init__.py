"""Collectors: raw data to the two-time event table, with a report of what was dropped."""
