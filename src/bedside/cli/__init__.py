"""The command line: one command per lifecycle verb."""
