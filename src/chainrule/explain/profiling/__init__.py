"""Where the time and the memory of a running program go (floor 4)."""
