"""The table of layers that go by windows, channels or borders; a row reads as in `rows.py`."""

from __future__ import annotations

from nn.rows import IMAGES, LAYERS, layer, normal

SEQUENCES, VOLUMES = normal(2, 4, 9), normal(2, 4, 5, 4, 6)
ONE_SEQUENCE, ONE_IMAGE, ONE_VOLUME = normal(4, 9), normal(4, 8, 7), normal(4, 5, 4, 6)
BY_RANK = [("1d", SEQUENCES, ONE_SEQUENCE), ("2d", IMAGES, ONE_IMAGE), ("3d", VOLUMES, ONE_VOLUME)]

CONVOLUTIONS = [
    layer("Conv" + rank, 4, 6, 3, x=x, note=note, **options)
    for rank, many, one in BY_RANK
    for x, note, options in [
        (many, "", {}),
        (one, "one", {"bias": False}),
        (many, "", {"stride": 2, "padding": 1, "groups": 2}),
        (many, "", {"padding": "same", "dilation": 2}),
        *[
            (many, "", {"padding": 2, "padding_mode": mode})
            for mode in ("reflect", "replicate", "circular")
        ],
        (many, "", {"padding": "same", "padding_mode": "circular"}),
    ]
] + [
    layer("ConvTranspose" + rank, 4, 6, 3, x=x, note=note, **options)
    for rank, many, one in BY_RANK
    for x, note, options in [
        (many, "", {}),
        (one, "one", {"bias": False}),
        (many, "", {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
        (many, "", {"stride": 3, "dilation": 2}),
    ]
]

POOLING = [
    layer(kind + rank, *args, x=x, note=note, **options)
    for rank, many, one in BY_RANK
    for kind, args, options, x, note in [
        ("MaxPool", (2,), {}, many, ""),
        ("MaxPool", (3, 2, 1), {"ceil_mode": True}, one, "one"),
        ("AvgPool", (2,), {}, many, ""),
        ("AvgPool", (3, 2, 1, True), {}, one, "one"),
        ("AvgPool", (3, 2, 1), {"count_include_pad": False}, many, ""),
        ("AdaptiveAvgPool", (1,), {}, many, ""),
        ("AdaptiveAvgPool", (3,), {}, many, ""),
        ("AdaptiveMaxPool", (3,), {}, many, ""),
        ("AdaptiveMaxPool", (2,), {}, one, "one"),
        ("LPPool", (2, 2), {}, many, ""),
        ("LPPool", (2.0, 3, 2), {"ceil_mode": True}, one, "one"),
    ]
] + [
    layer("AvgPool2d", 2, divisor_override=3, x=IMAGES),
    layer("AdaptiveAvgPool2d", (None, 4), x=IMAGES),
]

NORMS = [
    layer("BatchNorm3d", 4, x=VOLUMES),
    layer("BatchNorm2d", 4, bias=False, x=IMAGES),
    layer("GroupNorm", 2, 4, x=IMAGES),
    layer("GroupNorm", 4, 4, affine=False, x=SEQUENCES),
    layer("GroupNorm", 1, 4, bias=False, x=normal(3, 4)),
    layer("RMSNorm", 7, x=IMAGES),
    layer("RMSNorm", (8, 7), eps=0.1, elementwise_affine=False, x=IMAGES),
    layer("LocalResponseNorm", 3, alpha=0.5, x=IMAGES),
    layer("LocalResponseNorm", 2, 0.5, 0.6, 2.0, x=SEQUENCES),
    *[
        layer("InstanceNorm" + rank, 4, x=x, note=note, **options)
        for rank, many, one in BY_RANK
        for x, note, options in [
            (many, "", {}),
            (one, "one", {"affine": True}),
            (many, "", {"affine": True, "track_running_stats": True, "momentum": 0.3}),
        ]
    ],
]

BORDERS = [
    layer(kind + rank, widths, *value, x=x, note=note)
    for rank, (many, one), uneven in [
        ("1d", (SEQUENCES, ONE_SEQUENCE), (1, 3)),
        ("2d", (IMAGES, ONE_IMAGE), (1, 3, 0, 2)),
        ("3d", (VOLUMES, ONE_VOLUME), (1, 3, 0, 2, 3, 1)),
    ]
    for kind, *value in [
        ("ConstantPad", 2.5),
        ("ZeroPad",),
        ("ReflectionPad",),
        ("ReplicationPad",),
        ("CircularPad",),
    ]
    for widths, x, note in [(2, many, ""), (uneven, one, "one")]
]

SIZES = [
    layer("Upsample", 11, x=SEQUENCES),
    layer("Upsample", scale_factor=2, x=IMAGES),
    layer("Upsample", scale_factor=(1.5, 0.5), mode="bilinear", x=IMAGES),
    layer("Upsample", (5, 9), mode="bicubic", align_corners=True, x=IMAGES),
    layer("Upsample", scale_factor=2, mode="trilinear", x=VOLUMES),
    layer("UpsamplingNearest2d", scale_factor=3, x=IMAGES),
    layer("UpsamplingBilinear2d", (5, 9), x=IMAGES),
    layer("PixelShuffle", 2, x=IMAGES),
    layer("PixelUnshuffle", 2, x=normal(2, 3, 4, 6)),
    layer("ChannelShuffle", 2, x=IMAGES),
    layer("Unfold", (2, 3), padding=1, stride=2, x=IMAGES),
    layer("Fold", (4, 5), (2, 3), x=normal(2, 12, 9)),
    layer("Unflatten", 1, (2, -1), x=IMAGES),
    layer("Unflatten", -1, (7, 1), x=IMAGES),
]

WITHOUT_CHANCE = [
    layer(kind, p, x=IMAGES)
    for kind in ("Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
    for p in (0.0, 1.0)
    if kind != "Dropout1d"
] + [layer("Dropout1d", 1.0, x=SEQUENCES)]

_ALREADY = {str(row) for row in LAYERS}

WINDOWS = [
    row
    for row in [*CONVOLUTIONS, *POOLING, *NORMS, *BORDERS, *SIZES, *WITHOUT_CHANCE]
    if str(row) not in _ALREADY
]
