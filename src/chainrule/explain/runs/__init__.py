"""One run of a network: seen call by call, rehearsed, and undone (floor 4)."""
