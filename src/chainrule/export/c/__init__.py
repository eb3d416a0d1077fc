"""A network as one file of C99 that needs nothing but the standard library (floor 4)."""
