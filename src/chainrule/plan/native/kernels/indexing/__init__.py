"""Elements that move: copies, indices, scans, sorting (floor 2)."""
