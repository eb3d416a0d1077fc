"""What is computed of one number or a few, in any language that has a writer (floor 2)."""
