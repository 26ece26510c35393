"""Where serving touches the outside: signed tokens, the table of used ones, web key sets."""
