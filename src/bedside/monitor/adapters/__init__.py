"""Where the monitor touches the outside: the tables of what was counted and what was raised."""
