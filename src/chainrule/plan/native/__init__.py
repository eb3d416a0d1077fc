"""A program as machine code: written in LLVM's language, compiled once, kept on disk (floor 2)."""
