"""`python -m chainrule.cli`, the same as the command `chainrule` (floor 5)."""

from chainrule.cli.main import main

if __name__ == "__main__":
    main()
