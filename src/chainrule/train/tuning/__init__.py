"""The search for good settings: a space, which trials to run, who runs them (floor 4)."""
