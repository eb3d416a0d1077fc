"""What the training of every page is made of: steps, their order, copies, curves (floor 5)."""
