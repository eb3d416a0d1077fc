"""Tables: files of rows and named columns, and what becomes of their cells (floor 3)."""
