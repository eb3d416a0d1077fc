"""What a job leaves to read and look at (floor 4)."""
