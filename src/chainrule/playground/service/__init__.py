"""The pages over HTTP: a token, an address for each thing, frames as they come (floor 5)."""
