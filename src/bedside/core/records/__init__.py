"""The nouns that the rooms hand to one another, one per file, frozen and typed."""
