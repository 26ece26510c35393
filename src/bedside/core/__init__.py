"""The centre of the house: ids, units, clock, errors, ports and records. Standard library only."""
