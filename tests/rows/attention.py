"""Rows of attention."""

from __future__ import annotations

from math import inf

import attention_references as ref
from case import F, case, just, real

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
]
