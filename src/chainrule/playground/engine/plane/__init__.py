"""A network on points of a plane (floor 5)."""
