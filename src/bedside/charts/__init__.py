"""Numbers to inline SVG: no script, no font or address from outside."""
