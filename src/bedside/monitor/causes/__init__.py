"""What is likely behind what moved, how much of the risks it moved, and how grave that is."""
