"""The page about a version in use that is read in two minutes, and the same as JSON."""
