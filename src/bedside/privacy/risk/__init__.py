"""How easily somebody could be found in released data, and what would make it harder."""
