"""Groups of instructions over one space as nests of loops (floor 2)."""
