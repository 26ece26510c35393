"""What can be fitted: one file and one entry point (group `bedside.learners`) for each learner."""
