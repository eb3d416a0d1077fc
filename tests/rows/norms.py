"""Rows of normalisation within each image: by groups, by its root mean square, by neighbours."""

from __future__ import annotations

import window_references as wref
from case import F, case, real, shape_second

# A row is a line, or little more.
# fmt: off


def groups_second(f):
    """`f(x, num_groups, weight, bias)`."""
    return lambda x, *affine, num_groups, **attrs: f(x, num_groups, *affine, **attrs)


WITHIN = [
    case("group_norm", [real(3, 4)], wref.group_norm, F.group_norm,
         form=groups_second, num_groups=2),
    case("group_norm", [real(2, 6, 2, 2), real(6), real(6)], wref.group_norm,
         F.group_norm, note="affine", form=groups_second, num_groups=3, eps=0.1),
    case("rms_norm", [real(4, 3)], wref.rms_norm, F.rms_norm, form=shape_second,
         normalized_shape=(3,), eps=1e-3),
    case("rms_norm", [real(2, 3, 4), real(3, 4)], wref.rms_norm, F.rms_norm,
         note="affine", form=shape_second, normalized_shape=(3, 4), eps=0.1),
    case("local_response_norm", [real(2, 5, 3)], wref.local_response_norm, F.local_response_norm,
         size=3, alpha=0.5),
    case("local_response_norm", [real(1, 4, 2, 3)], wref.local_response_norm,
         F.local_response_norm, note="even", size=2, alpha=0.5, beta=0.6, k=2.0),
]
