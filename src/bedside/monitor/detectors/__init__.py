"""When what is watched has moved: detectors that keep a budget of false alarms."""
