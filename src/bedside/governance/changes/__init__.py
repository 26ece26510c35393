"""What changed between two versions, and whether a plan of changes covers it."""
