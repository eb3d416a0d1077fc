"""Plots: functions, descents, boundaries, images and weights, still and moving (floor 4)."""
