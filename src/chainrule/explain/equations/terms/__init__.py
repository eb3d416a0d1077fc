"""Expressions: as trees, as symbols that rules run on, in normal form and back (floor 4)."""
