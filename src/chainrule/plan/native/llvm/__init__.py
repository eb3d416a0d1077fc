"""Writing LLVM's language, and having it translated (floor 2)."""
