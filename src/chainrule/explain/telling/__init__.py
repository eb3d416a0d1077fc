"""How explanations are told: amounts in words, tables, a bar for who waits (floor 4)."""
