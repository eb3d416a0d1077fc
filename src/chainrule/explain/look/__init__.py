"""Looking into a trained network: what it gives, what it looks at, where it errs (floor 4)."""
