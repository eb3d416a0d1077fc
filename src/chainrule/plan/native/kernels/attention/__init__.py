"""Attention, and products of stacks of matrices (floor 2)."""
