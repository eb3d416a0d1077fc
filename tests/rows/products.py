"""Rows of matrix products and contractions."""

from __future__ import annotations

from typing import Any

import numpy as np

import references as ref
from case import F, case, equation_first, real, torch, whole

# A row is a line, or little more.
# fmt: off

PRODUCTS = [
    case("matrix_product", [real(2, 3), real(3, 4)], ref.products, torch.matmul),
    case("matrix_product", [real(5, 2, 3), real(5, 3, 4)], ref.products, torch.matmul,
         note="stack"),
    case("matrix_product", [real(2, 1, 2, 3), real(5, 3, 1)], ref.products, torch.matmul,
         note="broadcast"),
    case("matmul", [real(3), real(3)], ref.products, torch.matmul, note="vectors"),
    case("matmul", [real(2, 3), real(3)], ref.products, torch.matmul, note="matrix-vector"),
    case("matmul", [real(3), real(3, 2)], ref.products, torch.matmul, note="vector-matrix"),
    case("matmul", [real(2, 3), real(3, 4)], ref.products, torch.matmul, note="matrices"),
    case("matmul", [real(5, 2, 3), real(3, 4)], ref.products, torch.matmul, note="stack-matrix"),
    case("matmul", [real(2, 3), real(5, 3, 4)], ref.products, torch.matmul, note="matrix-stack"),
    case("matmul", [real(5, 2, 3), real(3)], ref.products, torch.matmul, note="stack-vector"),
    case("matmul", [real(3), real(5, 3, 2)], ref.products, torch.matmul, note="vector-stack"),
    case("matmul", [whole(-9, 9, 2, 3), whole(-9, 9, 3, 2)], np.matmul, torch.matmul,
         note="integers"),
    case("linear", [real(4, 3), real(2, 3), real(2)], ref.linear, F.linear),
    case("linear", [real(4, 3), real(2, 3)], ref.linear, F.linear, note="without-bias"),
    case("linear", [real(3), real(2, 3), real(2)], ref.linear, F.linear, note="vector"),
    case("linear", [real(2, 4, 3), real(2, 3), real(2)], ref.linear, F.linear, note="stack"),
    case("outer", [real(3), real(4)], np.outer, torch.outer),
]


def einsum(*xs: Any, equation: str) -> Any:
    """PyTorch's einsum, called as `contraction` is."""
    return torch.einsum(equation, *xs)


EINSUMS = [
    case("contraction", [real(2, 3), real(3, 4)], ref.einsum, einsum, equation="ij,jk->ik"),
    case("contraction", [real(2, 3), real(3), real(2, 4)], ref.einsum, einsum, note="three",
         equation="ij,j,ik->k"),
    case("contraction", [real(2, 3)], ref.einsum, einsum, note="summed", equation="ij->j"),
    *(
        case("einsum", [real(*shape) for shape in shapes], np.einsum, torch.einsum, note=equation,
             form=equation_first, equation=equation)
        for equation, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,kj", (2, 3), (4, 3)),
            ("ij->ji", (2, 3)),
            ("ij->", (2, 3)),
            ("ii", (3, 3)),
            ("ii->i", (3, 3)),
            ("iij->j", (3, 3, 2)),
            ("i,j->ij", (2,), (3,)),
            ("bi,bi->b", (4, 3), (4, 3)),
            ("ij,k->i", (2, 3), (4,)),
            ("...ij,...jk->...ik", (5, 2, 3), (5, 3, 4)),
            ("...ij,jk", (5, 2, 3), (3, 4)),
            ("i...,i...->...", (2, 3), (2, 3)),
            ("b i d, b j d -> b i j", (2, 3, 4), (2, 5, 4)),
            ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2)),
            ("...i,...i->...", (1, 3), (4, 3)),
        ]
    ),
]
