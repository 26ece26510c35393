"""The two-time store: snapshots of events, encrypted, sharded, replayable as of any moment."""
