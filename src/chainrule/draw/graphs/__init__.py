"""Readers: scalars, tensors, modules and nets as graphs of nodes and edges (floor 4)."""
