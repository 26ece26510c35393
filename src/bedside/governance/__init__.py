"""Who did what, for which purpose; approvals; documents made from evidence."""
