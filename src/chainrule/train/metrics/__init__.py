"""How well outputs fit targets: figures by name, exact over any number of batches (floor 4)."""
