"""Passes: each takes a program and returns another, or a plan of how to carry it out (floor 2)."""
