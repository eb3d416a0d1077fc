"""The job behind `chainrule train`: data in, a folder out (floor 4)."""
