"""Optimisers that go downhill (floor 5)."""
