"""What is computed of one number or a few, in LLVM's language (floor 2)."""
