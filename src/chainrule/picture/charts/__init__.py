"""Charts: numbers as lines, dots, regions, contours, tiles and matrices (floor 0)."""
