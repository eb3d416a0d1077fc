"""Derivations written down: for a terminal, for LaTeX, for browsers (floor 4)."""
