"""Rows of attention."""

from __future__ import annotations

from math import inf

import attention_references as ref
from case import F, case, just, real, state

# A row is a line, or little more.
# fmt: off

attention = F.scaled_dot_product_attention
qkv = [real(2, 3, 4), real(2, 5, 4), real(2, 5, 3)]
NAME = "scaled_dot_product_attention"
SOME = just([[True, False, True, True, False], [False] * 5, [True] * 5])
NUMBERS = just([[0.5, -inf, 1.0, -1.0, 0.0], [-inf] * 5, [0.0] * 5])

ATTENTION = [
    case(NAME, qkv, ref.attention, attention),
    case(NAME, [real(3, 4), real(5, 4), real(5, 3)], ref.attention, attention, note="one"),
    case(NAME, qkv, ref.attention, attention, note="causal", is_causal=True),
    case(NAME, qkv, ref.attention, attention, note="scale", scale=0.3),
    case(NAME, [*qkv, SOME], ref.attention, attention, note="mask"),
    case(NAME, [*qkv, NUMBERS], ref.attention, attention, note="numbers", wrt=[0, 1, 2]),
    case(NAME, [*qkv, real(2, 1, 5)], ref.attention, attention, note="added"),
    case(NAME, [real(2, 4, 3, 2), real(2, 2, 5, 2), real(2, 2, 5, 3)], ref.attention, attention,
         note="shared heads", enable_gqa=True),
    case(NAME, [real(2, 1, 3, 4), real(3, 5, 4), real(2, 1, 5, 3)], ref.attention, attention,
         note="broadcast"),
    case("attention", qkv, ref.weighted, scale=0.5),
    case("attention", [real(2, 4, 3, 2), real(2, 2, 5, 2), real(2, 2, 5, 3), real(4, 1, 5)],
         ref.weighted, note="shared heads", wrt=[0, 1, 2, 3], scale=0.5),
    case("attention", [*qkv, None, state(3)], ref.weighted, note="dropped", wrt=[0, 1, 2],
         causal=True, p=0.4),
    case("attention_back", [real(2, 3, 3), *qkv], ref.slopes, scale=0.5),
    case("attention_back", [real(2, 3, 4)] * 4, ref.slopes, note="together", causal=True),
    case("attention_back", [real(2, 3, 3), *qkv, SOME, state(4)], ref.slopes, note="dropped",
         p=0.4),
]
