"""Convolution and its two gradients (floor 2)."""
