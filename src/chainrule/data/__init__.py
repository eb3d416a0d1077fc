"""Data: from files, folders, published sets and toys to arrays and batches (floor 3)."""
