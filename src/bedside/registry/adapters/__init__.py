"""The registry on a database."""
