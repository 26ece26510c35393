"""Which parameters a learner takes, found on the training subjects alone."""
