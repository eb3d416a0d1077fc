"""All steps of a recurrent unit, there and back (floor 2)."""
