"""Steps recorded, held against each other, and replayed (floor 4)."""
