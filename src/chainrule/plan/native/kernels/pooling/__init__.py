"""Windows over images: pooling, unfolding, padding, resizing (floor 2)."""
