"""How the graphs write things down: signs of operators, numbers, shapes (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["SIGNS", "counted", "shape_text", "tell"]

# By the names that scalars and the table of operations have for them.
SIGNS = {
    "*": "×",
    "-": "−",
    "neg": "−",
    "**": "xʸ",
    "sigmoid": "σ",
    "sqrt": "√",
    "add": "+",
    "sub": "−",
    "mul": "×",
    "div": "/",
    "pow": "xʸ",
    "square": "x²",
    "matrix_product": "matmul",
}


def tell(number: float) -> str:
    """Return a number in four significant digits, as people write it.

    Examples:
        >>> tell(-8.0), tell(0.70710678), tell(1e-9), tell(123456.0)
        ('-8', '0.7071', '1e-09', '1.235e+05')
    """
    return f"{number:.4g}"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as people write it.

    Examples:
        >>> shape_text((1, 8, 8)), shape_text((5,)), shape_text(())
        ('1 × 8 × 8', '5', 'a number')
    """
    return " × ".join(str(n) for n in shape) or "a number"


def counted(count: int, what: str) -> str:
    """Return how many there are, in words.

    Examples:
        >>> counted(1, "node"), counted(1234, "node")
        ('1 node', '1,234 nodes')
    """
    return f"{count:,} {what}" + "s" * (count != 1)
