"""The table of layers and losses: what is built, and on what inputs it is tried.

A row reads as the call it makes: `layer("Conv2d", 4, 6, 3, stride=2, x=normal(2, 4, 8, 7))` is
`nn.Conv2d(4, 6, 3, stride=2)` on images of that shape, and the same words build PyTorch's layer.
Inputs are described and drawn later, each test from its own fixed source. A layer or loss without a
row here fails `test_nn_complete.py`.
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Draw: TypeAlias = Callable[[np.random.Generator], np.ndarray]


# --- inputs -------------------------------------------------------------------------------------


def normal(*shape: int, scale: float = 1.0, offset: float = 0.0) -> Draw:
    """Numbers of the normal distribution."""
    return lambda rng: rng.normal(offset, scale, shape)


def given(*values: Any) -> Draw:
    """Exactly these."""
    return lambda rng: np.array(values)


def whole(*shape: int, below: int) -> Draw:
    """Integers from 0, for embeddings and as labels; each of them, as far as there is room."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        count = int(np.prod(shape))
        return rng.permutation(np.resize(np.arange(below), count)).reshape(shape)

    return draw


def ignored(labels: Draw, label: int) -> Draw:
    """Labels, the first and the last of which are `label`."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        y = labels(rng)
        y.flat[0] = y.flat[-1] = label
        return y

    return draw


def between(low: float, high: float, *shape: int) -> Draw:
    """Numbers spread over an interval."""
    return lambda rng: rng.uniform(low, high, shape)


def signs(*shape: int) -> Draw:
    """-1 and 1."""
    return lambda rng: rng.choice([-1.0, 1.0], shape)


def extreme(*shape: int) -> Draw:
    """-1000, 0 and 1000."""
    return lambda rng: rng.choice([-1000.0, 0.0, 1000.0], shape)


def distribution(*shape: int) -> Draw:
    """Probabilities of classes, which are the second dimension (the only one of a vector)."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        p = rng.uniform(0.1, 1.0, shape)
        return p / p.sum(axis=min(1, p.ndim - 1), keepdims=True)

    return draw


def logs(draw: Draw) -> Draw:
    """Their logarithms."""
    return lambda rng: np.log(draw(rng))


# --- what a row is ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A layer or a loss.

    Attributes:
        kind: the name of the class.
        args: what it is made with.
        options: likewise, by keyword.
        inputs: what it is called with.
        note: what is special, where the call does not show it.
        slack: how many times the usual rounding is allowed.
        slopes: whether the gradients are compared too.
        fixed: the places of inputs by which nothing is differentiated.
        call: how the module is called with its inputs.
    """

    kind: str
    args: Sequence[Any]
    options: Mapping[str, Any]
    inputs: Sequence[Draw]
    note: str = ""
    slack: float = 1
    slopes: bool = True
    fixed: Sequence[int] = ()
    call: Callable[..., Any] = operator.call

    def __str__(self) -> str:
        words = [repr(a) for a in self.args]
        words += [f"{k}={_word(v)}" for k, v in self.options.items()]
        return f"{self.kind}({', '.join(words)})" + (f" {self.note}" if self.note else "")

    def rng(self) -> np.random.Generator:
        """The source of this row's numbers."""
        return np.random.default_rng(zlib.crc32(str(self).encode()))

    def build(self, nn: Any, array: Callable[[np.ndarray], Any], **more: Any) -> Any:
        """Make the module from the classes in `nn`; `array` makes tensors of its kind."""
        options = {k: array(np.array(v)) if k in ARRAYS else v for k, v in self.options.items()}
        return getattr(nn, self.kind)(*self.args, **options, **more)


# Options that are arrays in both libraries.
ARRAYS = ("weight", "pos_weight")


def _word(v: Any) -> str:
    return repr(v).replace(" ", "") if isinstance(v, (list, tuple)) else repr(v)


def layer(kind: str, *args: Any, x: Draw, note: str = "", slack: float = 1, **options: Any) -> Row:
    """A layer that is called with x."""
    return Row(kind, args, options, (x,), note, slack)


def loss(
    kind: str, *, x: Draw, target: Draw, note: str = "", slopes: bool = True, **options: Any
) -> Row:
    """A loss of x against a target."""
    return Row(kind, (), options, (x, target), note, slopes=slopes, fixed=(1,))


def loss_of(
    kind: str, *inputs: Draw, fixed: Sequence[int] = (), note: str = "", **options: Any
) -> Row:
    """A loss of several inputs."""
    return Row(kind, (), options, inputs, note, fixed=fixed)


# --- layers -------------------------------------------------------------------------------------

IMAGES = normal(2, 4, 8, 7)

LAYERS = [
    layer("Linear", 5, 3, x=normal(4, 5)),
    layer("Linear", 5, 3, bias=False, x=normal(4, 5)),
    layer("Linear", 5, 1, x=normal(1, 5), note="one row"),
    layer("Linear", 5, 3, x=normal(5), note="a vector"),
    layer("Linear", 5, 3, x=normal(2, 3, 4, 5), note="four dimensions"),
    layer("Linear", 5, 3, x=normal(0, 5), note="no rows"),
    layer("Conv2d", 4, 6, 3, x=IMAGES),
    layer("Conv2d", 4, 6, 3, bias=False, x=IMAGES),
    layer("Conv2d", 4, 6, 1, x=IMAGES),
    layer("Conv2d", 4, 6, (8, 7), x=IMAGES, note="as large as the image"),
    layer("Conv2d", 4, 6, (2, 3), x=IMAGES),
    layer("Conv2d", 4, 6, 3, stride=2, x=IMAGES),
    layer("Conv2d", 4, 6, 3, stride=(3, 2), x=IMAGES),
    layer("Conv2d", 4, 6, 2, stride=3, x=IMAGES, note="pixels left out"),
    layer("Conv2d", 4, 6, 3, padding=1, x=IMAGES),
    layer("Conv2d", 4, 6, 3, padding=(0, 4), x=IMAGES, note="padding beyond the filter"),
    layer("Conv2d", 4, 6, 3, padding="same", x=IMAGES),
    layer("Conv2d", 4, 6, (5, 3), padding="same", dilation=(1, 2), x=IMAGES),
    layer("Conv2d", 4, 6, 3, padding="valid", x=IMAGES),
    layer("Conv2d", 4, 6, 3, dilation=2, x=IMAGES),
    layer("Conv2d", 4, 6, 3, dilation=(1, 3), x=IMAGES),
    layer("Conv2d", 4, 6, 3, groups=2, x=IMAGES),
    layer("Conv2d", 4, 8, 3, groups=4, padding=1, x=IMAGES, note="depthwise"),
    layer("Conv2d", 4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False, x=IMAGES),
    layer("Conv2d", 4, 6, 3, 2, 1, 1, 2, False, x=IMAGES, note="by position"),
    layer("Conv2d", 1, 2, 3, x=normal(1, 1, 3, 3), note="one output pixel"),
    layer("Conv2d", 4, 6, 3, x=normal(0, 4, 8, 7), note="no images"),
    layer("MaxPool2d", 2, x=IMAGES),
    layer("MaxPool2d", 3, 2, x=IMAGES),
    layer("MaxPool2d", (3, 2), stride=(1, 3), x=IMAGES),
    layer("MaxPool2d", 3, 2, 1, x=IMAGES),
    layer("MaxPool2d", 3, padding=(0, 1), dilation=(2, 1), x=IMAGES),
    layer("MaxPool2d", 2, stride=3, x=IMAGES, note="pixels left out"),
    layer("MaxPool2d", 2, 1, padding=1, x=normal(2, 4, 8, 7, offset=-9), note="all below padding"),
    layer("AvgPool2d", 2, x=IMAGES),
    layer("AvgPool2d", 3, 2, x=IMAGES),
    layer("AvgPool2d", (3, 2), stride=(1, 3), x=IMAGES),
    layer("AvgPool2d", 3, 2, 1, x=IMAGES),
    layer("AvgPool2d", 3, 2, 1, count_include_pad=False, x=IMAGES),
    layer("AvgPool2d", (4, 3), padding=(2, 1), count_include_pad=False, x=IMAGES),
    layer("BatchNorm1d", 3, x=normal(5, 3)),
    layer("BatchNorm1d", 3, x=normal(5, 3, 4), note="sequences"),
    layer("BatchNorm1d", 3, x=normal(1, 3, 4), note="one sequence"),
    layer("BatchNorm1d", 3, eps=0.1, momentum=0.7, x=normal(5, 3)),
    layer("BatchNorm1d", 3, momentum=None, x=normal(5, 3)),
    layer("BatchNorm1d", 3, momentum=0.0, x=normal(5, 3)),
    layer("BatchNorm1d", 3, affine=False, x=normal(5, 3)),
    layer("BatchNorm1d", 3, track_running_stats=False, x=normal(5, 3)),
    layer("BatchNorm1d", 3, 1e-3, None, False, False, x=normal(5, 3, 4), note="by position"),
    # What is left when 100 is taken away has lost two digits, in PyTorch too.
    layer("BatchNorm1d", 3, x=normal(50, 3, offset=100.0), note="far from 0", slack=100),
    layer("BatchNorm2d", 3, x=normal(2, 3, 4, 5)),
    layer("BatchNorm2d", 3, x=normal(1, 3, 4, 5), note="one image"),
    layer("BatchNorm2d", 3, momentum=None, x=normal(2, 3, 4, 5)),
    layer("BatchNorm2d", 3, affine=False, track_running_stats=False, x=normal(2, 3, 4, 5)),
    layer("LayerNorm", 5, x=normal(4, 5)),
    layer("LayerNorm", (5,), x=normal(2, 3, 5)),
    layer("LayerNorm", (3, 5), x=normal(2, 3, 5)),
    layer("LayerNorm", [2, 3, 5], x=normal(2, 3, 5), note="of everything"),
    layer("LayerNorm", 5, eps=0.1, x=normal(4, 5)),
    layer("LayerNorm", 5, elementwise_affine=False, x=normal(4, 5)),
    layer("LayerNorm", 5, bias=False, x=normal(4, 5)),
    # PyTorch gives rounding noise over sqrt(eps) where 0 is meant.
    layer("LayerNorm", 1, x=normal(4, 1), note="of single numbers", slack=10),
    layer("Embedding", 7, 3, x=whole(4, below=7)),
    layer("Embedding", 7, 3, x=whole(2, 3, 4, below=4), note="repeated, and some never"),
    layer("Embedding", 7, 3, x=given(6, 6, 6, 0), note="repeated"),
    layer("Embedding", 7, 3, x=given(2), note="of one"),
    layer("Embedding", 7, 3, x=lambda rng: np.array(5), note="of a number"),
    layer("Embedding", 7, 3, padding_idx=0, x=whole(2, 6, below=4)),
    layer("Embedding", 7, 3, padding_idx=-1, x=given(6, 0, 6, 5)),
    layer("Embedding", 7, 3, x=whole(0, 2, below=7), note="no indices"),
    layer("Flatten", x=IMAGES),
    layer("Flatten", 0, x=IMAGES),
    layer("Flatten", 2, 3, x=IMAGES),
    layer("Flatten", start_dim=1, end_dim=2, x=IMAGES),
    layer("Flatten", x=normal(3, 4), note="flat already"),
    layer("Identity", x=IMAGES),
    layer("Dropout", 0.0, x=IMAGES),
    layer("Dropout", 1.0, x=IMAGES),
]

# At 0, at both sides of Softplus' threshold, where an exponential overflows, and in between.
POINTS = given(-1000.0, -30.0, -1.5, -1e-3, -0.0, 0.0, 1e-3, 0.5, 2.0, 20.0, 20.1, 1000.0)

ACTIVATIONS = (
    [
        layer(kind, *args, x=x, note=note)
        for kind, *args in [
            ("ReLU",),
            ("LeakyReLU",),
            ("LeakyReLU", 0.3),
            ("ELU",),
            ("ELU", 0.5),
            ("GELU",),
            ("GELU", "tanh"),
            ("SiLU",),
            ("Sigmoid",),
            ("Tanh",),
            ("Softplus",),
            ("Softplus", 2.0, 3.0),
            ("Softmax", -1),
            ("LogSoftmax", -1),
            ("Softmin", -1),
            ("ReLU6",),
            ("CELU",),
            ("CELU", 0.5),
            ("SELU",),
            ("Mish",),
            ("LogSigmoid",),
            ("Hardswish",),
            ("Hardtanh",),
            ("Hardtanh", -0.5, 1.5),
            ("Hardshrink",),
            ("Hardshrink", 1.5),
            ("Softshrink",),
            ("Softshrink", 0.25),
            ("Softsign",),
            ("Tanhshrink",),
            ("Threshold", 0.25, -3.0),
        ]
        for x, note in [(normal(3, 4, scale=2), ""), (POINTS, "at points")]
    ]
    + [
        layer(kind, dim=dim, x=x, note=note)
        for kind in ("Softmax", "LogSoftmax", "Softmin")
        for dim, x, note in [
            (0, normal(3, 4), ""),
            (1, normal(2, 3, 4, 2), ""),
            (-2, normal(2, 3, 4), ""),
            (1, extreme(6, 4), "of extremes"),
        ]
    ]
    + [
        # PyTorch's sixth has single precision only, also among doubles.
        layer("Hardsigmoid", x=normal(3, 4, scale=3), slack=1e7),
        layer("GLU", x=normal(3, 4)),
        layer("GLU", 1, x=normal(3, 4, 2)),
        layer("PReLU", x=normal(3, 4)),
        layer("PReLU", 4, 0.1, x=normal(3, 4, 2)),
        layer("Softmax2d", x=IMAGES),
        layer("Softmax2d", x=normal(4, 3, 2), note="one image"),
    ]
)


# --- losses -------------------------------------------------------------------------------------

CLASS_WEIGHTS = [0.5, 2.0, 1.0, 0.25]
LABELS = whole(6, below=4)
MAPS, LABEL_MAPS = normal(2, 4, 3, 5), whole(2, 3, 5, below=4)

OF_NUMBERS = [
    loss(kind, x=x, target=target, note=note, **options)
    for kind, options in [
        ("MSELoss", {}),
        ("L1Loss", {}),
        ("SmoothL1Loss", {}),
        ("SmoothL1Loss", {"beta": 0.3}),
        ("SmoothL1Loss", {"beta": 0}),
        ("HuberLoss", {}),
        ("HuberLoss", {"delta": 0.3}),
    ]
    for x, target, note in [
        (normal(4, 3), normal(4, 3), ""),
        (normal(4, 3, scale=1000), normal(4, 3), "far apart"),
        (given(-1.0, -0.3, 0.0, 0.3, 1.0), given(0.0, 0.0, 0.0, 0.0, 0.0), "at points"),
        (given(2.5), given(1.0), "one number"),
    ]
]

OF_CLASSES = (
    [
        loss("CrossEntropyLoss", x=x, target=target, note=note, **options)
        for x, target, note in [
            (normal(6, 4), LABELS, ""),
            (normal(6, 4), ignored(LABELS, -100), "some ignored"),
            (normal(4), lambda rng: np.array(2), "one row without a batch"),
            (MAPS, LABEL_MAPS, "maps"),
            (normal(2, 4, 3), ignored(whole(2, 3, below=4), -100), "sequences"),
            (extreme(6, 4), LABELS, "extremes"),
            (normal(6, 4), distribution(6, 4), "probabilities"),
            (MAPS, distribution(2, 4, 3, 5), "maps of probabilities"),
            (normal(4), distribution(4), "probabilities without a batch"),
            (extreme(6, 4), distribution(6, 4), "extremes, probabilities"),
        ]
        for options in [
            {},
            {"weight": CLASS_WEIGHTS},
            {"label_smoothing": 0.1},
            {"weight": CLASS_WEIGHTS, "label_smoothing": 0.3},
        ]
    ]
    + [
        loss("CrossEntropyLoss", x=normal(6, 4), target=LABELS, **options)
        for options in [
            {"ignore_index": 2},
            {"ignore_index": 0, "weight": CLASS_WEIGHTS},
            {"ignore_index": 3, "label_smoothing": 0.2},
            {"ignore_index": 1, "label_smoothing": 0.2, "weight": CLASS_WEIGHTS},
            {"ignore_index": -1},
            {"label_smoothing": 1.0},
        ]
    ]
    + [
        loss(
            "CrossEntropyLoss",
            x=normal(3, 4),
            target=given(-1, -1, -1),
            ignore_index=-1,
            note="all ignored",
        ),
        loss(
            "CrossEntropyLoss",
            x=normal(3, 4),
            target=given(-1, -1, -1),
            ignore_index=-1,
            label_smoothing=0.1,
            note="all ignored",
        ),
        loss("NLLLoss", x=logs(distribution(6, 4)), target=LABELS),
        loss("NLLLoss", x=logs(distribution(6, 4)), target=LABELS, weight=CLASS_WEIGHTS),
        loss("NLLLoss", x=logs(distribution(6, 4)), target=LABELS, ignore_index=1),
        loss(
            "NLLLoss", x=logs(distribution(6, 4)), target=ignored(LABELS, -100), note="some ignored"
        ),
        loss(
            "NLLLoss",
            x=logs(distribution(2, 4, 3, 5)),
            target=LABEL_MAPS,
            weight=CLASS_WEIGHTS,
            note="maps",
        ),
        loss(
            "NLLLoss",
            x=logs(distribution(4)),
            target=lambda rng: np.array(3),
            note="one row without a batch",
        ),
        loss(
            "NLLLoss",
            x=given([-np.inf, -0.5, -1.0], [-0.1, -3.0, -4.0]),
            target=given(-100, 0),
            note="an ignored row with an impossible class",
        ),
        loss("MultiMarginLoss", x=normal(6, 4), target=LABELS),
        loss("MultiMarginLoss", x=normal(6, 4), target=LABELS, p=2, margin=0.4),
        loss("MultiMarginLoss", x=normal(6, 4), target=LABELS, weight=CLASS_WEIGHTS),
        loss("MultiMarginLoss", x=normal(6, 4), target=LABELS, p=2, weight=CLASS_WEIGHTS),
        loss("MultiMarginLoss", x=extreme(6, 4), target=LABELS, note="extremes"),
        loss("MultiMarginLoss", x=given([1.0, 0.0, 2.0]), target=given(0), note="at the kink"),
        loss(
            "MultiMarginLoss", x=normal(4), target=lambda rng: np.array(2), note="without a batch"
        ),
    ]
)

OF_SIGNS = [
    loss("HingeEmbeddingLoss", x=normal(5, 3), target=signs(5, 3)),
    loss("HingeEmbeddingLoss", x=normal(5, 3), target=signs(5, 3), margin=0.3),
    loss("HingeEmbeddingLoss", x=extreme(5, 3), target=signs(5, 3), note="extremes"),
    loss(
        "HingeEmbeddingLoss",
        x=given(1.0, 1.0, 1.0, 2.0),
        target=given(-1.0, 1.0, 0.0, 0.0),
        note="at the kink, and targets that are neither",
    ),
    loss("SoftMarginLoss", x=normal(5, 3), target=signs(5, 3)),
]

CHANCES, WANTED = between(0.05, 0.95, 5, 3), between(0.0, 1.0, 5, 3)
ELEMENT_WEIGHTS = [[0.5, 2.0, 1.0]]

OF_PROBABILITIES = [
    loss("BCELoss", x=CHANCES, target=WANTED),
    loss("BCELoss", x=CHANCES, target=WANTED, weight=ELEMENT_WEIGHTS),
    loss(
        "BCELoss",
        x=given(0.0, 0.0, 0.0, 1.0, 1.0, 1.0),
        target=given(0.0, 0.5, 1.0, 0.0, 0.5, 1.0),
        note="certain",
        # The slope is infinite here; PyTorch gives (x - t) / 1e-12. See test_certain_and_wrong.
        slopes=False,
    ),
    loss(
        "BCELoss", x=between(1e-9, 1e-7, 4), target=given(0.0, 1.0, 0.5, 1.0), note="nearly certain"
    ),
    loss("BCEWithLogitsLoss", x=normal(5, 3), target=WANTED),
    loss("BCEWithLogitsLoss", x=normal(5, 3), target=WANTED, weight=ELEMENT_WEIGHTS),
    loss("BCEWithLogitsLoss", x=normal(5, 3), target=WANTED, pos_weight=[0.5, 3.0, 1.0]),
    loss(
        "BCEWithLogitsLoss",
        x=normal(5, 3),
        target=WANTED,
        weight=ELEMENT_WEIGHTS,
        pos_weight=[0.5, 3.0, 1.0],
    ),
    loss("BCEWithLogitsLoss", x=extreme(5, 3), target=WANTED, note="extremes"),
    loss("BCEWithLogitsLoss", x=extreme(5, 3), target=WANTED, pos_weight=[2.0], note="extremes"),
    loss("KLDivLoss", x=logs(distribution(5, 3)), target=distribution(5, 3)),
    loss("KLDivLoss", x=logs(distribution(5, 3)), target=logs(distribution(5, 3)), log_target=True),
    loss(
        "KLDivLoss",
        x=logs(distribution(2, 3)),
        target=given([0.0, 0.4, 0.6], [1.0, 0.0, 0.0]),
        note="impossible targets",
    ),
]

VECTORS, VECTOR = normal(5, 3), normal(3)
COUNTS, VARIANCES = between(0.2, 4.0, 5, 3), between(0.3, 2.0, 5, 3)
SETS = given([2, 0, -1, 1], [-1, 2, 2, 2], [0, 1, 2, 3])
TRUTHS = given([1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])

OF_SETS = [
    loss("MultiLabelMarginLoss", x=normal(3, 4), target=SETS),
    loss("MultiLabelMarginLoss", x=normal(4), target=given(1, 3, -1, 0), note="without a batch"),
    loss("MultiLabelSoftMarginLoss", x=normal(3, 4), target=TRUTHS),
    loss("MultiLabelSoftMarginLoss", x=normal(3, 4), target=TRUTHS, weight=CLASS_WEIGHTS),
]

OF_PAIRS = [
    loss_of("MarginRankingLoss", normal(5), normal(5), signs(5), fixed=(2,)),
    loss_of("MarginRankingLoss", normal(5), normal(5), signs(5), fixed=(2,), margin=0.5),
    loss_of("CosineEmbeddingLoss", VECTORS, VECTORS, signs(5), fixed=(2,)),
    loss_of("CosineEmbeddingLoss", VECTORS, VECTORS, signs(5), fixed=(2,), margin=-0.5),
    loss_of("TripletMarginLoss", VECTORS, VECTORS, VECTORS),
    loss_of("TripletMarginLoss", VECTOR, VECTOR, VECTOR, note="without a batch"),
    loss_of("TripletMarginLoss", VECTORS, VECTORS, VECTORS, margin=0.3, p=3.0, swap=True),
    loss_of("TripletMarginWithDistanceLoss", VECTORS, VECTORS, VECTORS, margin=0.3, swap=True),
]

OF_LIKELIHOODS = [
    loss("PoissonNLLLoss", x=normal(5, 3), target=COUNTS),
    loss("PoissonNLLLoss", x=normal(5, 3), target=COUNTS, full=True),
    loss("PoissonNLLLoss", x=COUNTS, target=COUNTS, log_input=False, eps=0.1),
    loss_of("GaussianNLLLoss", VECTORS, VECTORS, VARIANCES),
    loss_of("GaussianNLLLoss", VECTORS, VECTORS, VARIANCES, full=True, eps=1.0),
    loss_of("GaussianNLLLoss", VECTORS, VECTORS, between(0.3, 2.0, 5, 1), note="one a row"),
]


def behind_softmax(module: Any, x: Any, *rest: Any) -> Any:
    """The loss of log_softmax(x): the slopes by the logarithms alone are not PyTorch's."""
    return module(x.log_softmax(2), *rest)


TARGETS = given([1, 1, 2], [2, 0, 0], [3, 2, 1])
LENGTHS, SIZES = given(7, 5, 7), given(3, 1, 3)

OF_SEQUENCES = [
    Row("CTCLoss", (), options, (normal(7, 3, 4), targets, LENGTHS, SIZES), note, slack=10,
        call=behind_softmax)
    for options, targets, note in [
        ({}, TARGETS, ""),
        ({"zero_infinity": True}, TARGETS, ""),
        ({"blank": 3}, given([1, 1, 2], [2, 0, 0], [0, 2, 1]), ""),
        ({}, given(1, 1, 2, 2, 3, 2, 1), "one after another"),
    ]
]  # fmt: skip

LOSSES = [
    *OF_NUMBERS,
    *OF_CLASSES,
    *OF_SIGNS,
    *OF_PROBABILITIES,
    *OF_SETS,
    *OF_PAIRS,
    *OF_LIKELIHOODS,
    *OF_SEQUENCES,
    loss("NLLLoss2d", x=logs(distribution(2, 4, 3, 5)), target=LABEL_MAPS),
]


def reductions(row: Row) -> Sequence[str]:
    """The reductions that the loss knows."""
    return ("mean", "sum", "none", *(["batchmean"] if row.kind == "KLDivLoss" else []))
