"""Kernels for a GPU, written by hand, of what NumPy-style code would do badly there (floor 2).

A file a subject: the text in CUDA C (`.cu`) and beside it what launches it. `attach` gives them to
the operations when a GPU is first used; nothing here is imported before.
"""
