"""The compiled step: a recorded program, passes over it, and executors (floor 2)."""
