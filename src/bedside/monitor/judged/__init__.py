"""What the recorded answers of a version show once it is known what came true: pure parts."""
