"""One feature definition for every runner: a batch of shards, one patient in a request."""
