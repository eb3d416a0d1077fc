"""The loop: epochs, steps, what a run knows and leaves (floor 4)."""
