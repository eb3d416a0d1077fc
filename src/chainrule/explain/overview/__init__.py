"""A network at a glance, layer by layer (floor 4)."""
