"""The nouns that the rooms hand to one another, one per file. Frozen, typed, standard library only."""
