"""What a run is at a moment, kept in files and taken up again to the last bit (floor 4)."""
