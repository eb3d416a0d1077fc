"""What a run did, cut into values that have names (floor 4)."""
