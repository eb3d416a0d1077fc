"""What can be hung on to a training run (floor 4)."""
