"""How a version comes to its patients: what live answers show, and what follows from it."""
