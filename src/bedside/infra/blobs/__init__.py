"""Bytes by name: on a disk, in memory, in a bucket."""
