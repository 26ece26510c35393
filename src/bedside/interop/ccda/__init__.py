"""C-CDA documents: the header and the coded entries of their sections, read from bytes."""
