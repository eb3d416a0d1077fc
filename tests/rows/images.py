"""Rows of images with other borders, other sizes, read at other places, or in another order."""

from __future__ import annotations

import window_references as wref
from case import F, between, case, own_state, real, state, torch
from chainrule.ops import Sampling

# A row is a line, or little more.
# fmt: off

BORDERS = [
    case("pad", [real(2, 3)], wref.pad, F.pad, note="negative", pad=(-1, 2, 1, -1), value=0.5),
    case("pad", [real(1, 2, 4)], wref.pad, F.pad, note="reflect", pad=(3, 1), mode="reflect"),
    case("pad", [real(1, 2, 4, 3)], wref.pad, F.pad, note="replicate", pad=(1, 0, 0, 4),
         mode="replicate"),
    case("pad", [real(1, 2, 2, 3, 4)], wref.pad, F.pad, note="circular", pad=(1, 4, 0, 0, 2, 1),
         mode="circular"),
    case("pad", [real(1, 2, 5, 4)], wref.pad, F.pad, note="reflect-negative", pad=(2, -1, -1, 2),
         mode="reflect"),
]


def resized(*sampling):
    """A row of one dimension, with the table read forwards and one with it read backwards."""
    forth = Sampling(*sampling)
    note = "-".join(map(str, sampling))
    return [
        case("resample", [real(2, forth.old, 2)], wref.resample, note=note, dims=(1,),
             samplings=(forth,)),
        case("resample", [real(forth.new, 2)], wref.resample, note=note + "-back", dims=(0,),
             samplings=(forth._replace(back=True),)),
    ]


RESIZED = [
    *resized("nearest", 5, 8),
    *resized("nearest-exact", 5, 3, 0.7),
    *resized("linear", 4, 7),
    *resized("linear", 4, 7, None, True),
    *resized("linear", 7, 4, 0.6),
    *resized("cubic", 5, 8),
    *resized("cubic", 5, 3, None, True),
    *resized("area", 7, 3),
    *resized("area", 3, 5),
    case("resample", [real(2, 2, 3, 4)], wref.resample, note="plane", dims=(2, 3),
         samplings=(Sampling("linear", 3, 5), Sampling("cubic", 4, 2))),
    case("resample", [real(1, 2, 2, 3, 2)], wref.resample, note="volume", dims=(2, 3, 4),
         samplings=(Sampling("nearest", 2, 3), Sampling("area", 3, 2), Sampling("linear", 2, 4))),
    case("interpolate", [real(2, 2, 3)], wref.interpolate, F.interpolate, scale_factor=2),
    case("interpolate", [real(2, 2, 3, 4)], wref.interpolate, F.interpolate, note="exact",
         size=(5, 2), mode="nearest-exact"),
    case("interpolate", [real(2, 2, 3, 2, 4)], wref.interpolate, F.interpolate, note="factors",
         scale_factor=(1.5, 2.0, 0.5)),
    case("interpolate", [real(2, 2, 5)], wref.interpolate, F.interpolate, note="linear", size=8,
         mode="linear", align_corners=True),
    case("interpolate", [real(1, 2, 3, 4)], wref.interpolate, F.interpolate, note="bilinear",
         scale_factor=1.7, mode="bilinear", align_corners=False),
    case("interpolate", [real(1, 2, 3, 4)], wref.interpolate, F.interpolate, note="recomputed",
         scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
    case("interpolate", [real(1, 2, 4, 3)], wref.interpolate, F.interpolate, note="bicubic",
         size=(6, 2), mode="bicubic"),
    case("interpolate", [real(1, 1, 2, 3, 4)], wref.interpolate, F.interpolate, note="trilinear",
         size=(3, 2, 4), mode="trilinear", align_corners=True),
    case("interpolate", [real(1, 2, 5, 4)], wref.interpolate, F.interpolate, note="area",
         size=(3, 2), mode="area"),
    case("interpolate", [real(1, 2, 3, 4)], wref.interpolate, F.interpolate, note="kept",
         size=(3, 4), mode="bilinear"),
]

GRIDS = [
    case("affine_grid", [real(2, 2, 3)], wref.affine_grid, F.affine_grid, size=(2, 3, 2, 3),
         align_corners=True),
    case("affine_grid", [real(1, 3, 4)], wref.affine_grid, F.affine_grid, note="volumes",
         size=(1, 1, 2, 1, 3), align_corners=False),
] + [
    case("grid_sample", [real(2, 2, *size), between(-1.6, 1.6, 2, *out, len(size))],
         wref.grid_sample, F.grid_sample, note=f"{mode}-{edge}-{len(size)}-{ends}",
         wrt=[0] if mode == "nearest" else None, mode=mode, padding_mode=edge, align_corners=ends)
    for mode, edge, ends, size, out in [
        ("bilinear", "zeros", False, (4, 3), (2, 3)),
        ("bilinear", "border", True, (4, 3), (2, 3)),
        ("bilinear", "reflection", False, (4, 3), (2, 3)),
        ("bilinear", "reflection", True, (2, 3, 4), (1, 2, 2)),
        ("nearest", "zeros", False, (4, 3), (2, 3)),
        ("nearest", "reflection", False, (2, 3, 2), (1, 2, 2)),
        ("bicubic", "zeros", True, (4, 3), (2, 2)),
        ("bicubic", "border", False, (4, 3), (2, 2)),
        ("bicubic", "reflection", True, (4, 3), (2, 2)),
    ]
]

ORDERS = [
    case("pixel_shuffle", [real(2, 8, 2, 3)], wref.pixel_shuffle, F.pixel_shuffle,
         upscale_factor=2),
    case("pixel_shuffle", [real(9, 1, 2)], wref.pixel_shuffle, F.pixel_shuffle, note="one",
         upscale_factor=3),
    case("pixel_unshuffle", [real(2, 3, 4, 6)], wref.pixel_unshuffle, F.pixel_unshuffle,
         downscale_factor=2),
    case("channel_shuffle", [real(2, 6, 2, 2)], wref.channel_shuffle, torch.channel_shuffle,
         groups=3),
]

DROPPED = [
    case("feature_dropout", [real(3, 4, 2), state(6)], wref.feature_dropout, form=own_state,
         wrt=[0], p=0.3),
    case("alpha_dropout", [real(4, 5), state(7)], wref.alpha_dropout, form=own_state, wrt=[0],
         p=0.3),
    case("alpha_dropout", [real(4, 5), state(7)], lambda x, **_: 0 * x, note="all", form=own_state,
         wrt=[0], p=1.0),
    case("alpha_dropout", [real(4, 5), state(7)], lambda x, **_: x, note="evaluation",
         form=own_state, wrt=[0], training=False),
    case("feature_alpha_dropout", [real(3, 4, 2), state(8)], wref.feature_alpha_dropout,
         form=own_state, wrt=[0], p=0.6),
]
