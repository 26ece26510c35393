"""What the data room keeps outside: the catalogue in a database, the spill on a disk."""
