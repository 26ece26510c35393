"""Every metric as a function of how often each subject counts, many weightings at a time."""
