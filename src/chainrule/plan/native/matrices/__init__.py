"""Products of matrices, and what follows on each piece of one (floor 2)."""
