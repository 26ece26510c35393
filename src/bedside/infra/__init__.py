"""What several rooms need from outside, behind the ports of the core."""
