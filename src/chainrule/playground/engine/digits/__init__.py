"""A network that reads digits (floor 5)."""
