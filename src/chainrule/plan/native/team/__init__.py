"""Threads that share work (floor 2)."""
