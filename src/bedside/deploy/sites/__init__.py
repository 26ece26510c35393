"""One hub, many hospitals: the packets by which a release travels."""
