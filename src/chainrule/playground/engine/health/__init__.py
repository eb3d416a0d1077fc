"""A doctor beside the training of a page, and advice that a person can apply (floor 5)."""
