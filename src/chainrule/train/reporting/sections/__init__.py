"""The sections of a run's page, a file for each subject (floor 4)."""
