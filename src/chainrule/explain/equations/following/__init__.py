"""One weight followed through a network, in numbers (floor 4)."""
