"""Bytes of the outside world to records and back. Pure: no socket, no file."""
