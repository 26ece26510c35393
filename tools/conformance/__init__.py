"""Suites that others wrote, run against this house. Import it with `tools` on the path."""
