"""The only files of the privacy room that import a database or a library of keys."""
