"""A network as one file of Python that needs NumPy and nothing else (floor 4)."""
