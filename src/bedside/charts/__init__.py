"""Numbers to inline SVG: no script, no font or address from outside. Shared by reports and console."""
