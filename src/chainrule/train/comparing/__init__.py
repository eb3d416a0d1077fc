"""Runs held against one another (floor 4)."""
