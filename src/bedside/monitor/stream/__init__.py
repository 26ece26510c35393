"""Watching answers day by day: counted once, judged by a budget of false alarms."""
