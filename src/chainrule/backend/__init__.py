"""What lies under the mathematics: number formats and processor threads (floor 0)."""
