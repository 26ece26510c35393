"""From a built model to one sealed, signed folder."""
