"""The verbs that cross rooms: build, release, respond."""
