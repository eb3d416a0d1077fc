"""Every layer and loss of `nn` trained for a hundred steps by eager and by both executors.

The rows are those of the tables in `tests/nn`, all of one class in one step, each with tensors
before its inputs that learn with its own, so that layers without parameters learn too. What is
trained is used afterwards, in `eval()`.
"""

from __future__ import annotations

import inspect

import pytest

import chainrule as cr
from chainrule import nn, optim
from nn.test_nn_complete import ROWS
from train.agreement import Training, assert_agreement, own_code  # noqa: F401
from train.rows_wholes import WHOLES

RATE = 1e-4

# Of how many rows of a class a step is made; of one only where a row is a network by itself.
FEW = 2
LARGE = ("Transformer", "TransformerDecoderLayer", "TransformerEncoderLayer")

# Not trained: what is meant to be derived from.
ABSTRACT = {"Module", "RNNBase", "RNNCellBase"}

# Words in the notes of rows with nothing in them to learn, or nothing but infinities.
EMPTY = ("no rows", "no images", "no indices", "no sequences", "extremes", "certain", "impossible")


# Of these the code for float32 is another, or rounding is most felt.
IN_FLOAT = (
    "Linear",
    "Conv2d",
    "ConvTranspose2d",
    "MaxPool2d",
    "BatchNorm2d",
    "LayerNorm",
    "GroupNorm",
    "Embedding",
    "GELU",
    "CrossEntropyLoss",
    "MultiheadAttention",
    "LSTM",
    "GRU",
    "Sequential",
)


def is_asked(row):
    # The last cuts targets by their lengths, which are numbers in a tensor.
    return not any(word in row.note for word in EMPTY) and "one after another" not in row.note


def chosen(kind, rows):
    """The first of the rows and some others, as far apart as they are."""
    return rows[:: -(-len(rows) // FEW)] if kind not in LARGE else rows[:1]


def by_kind():
    kinds = {}
    for row in (*WHOLES, *ROWS):
        if is_asked(row):
            kinds.setdefault(row.kind, []).append(row)
    return {kind: chosen(kind, rows) for kind, rows in kinds.items()}


BY_KIND = by_kind()


def flat(y):
    """All tensors of real numbers in nested results, in order."""
    if isinstance(y, (tuple, list)):
        return [t for part in y for t in flat(part)]
    return [y] if isinstance(y, cr.Tensor) and y.dtype.kind == "f" else []


class Row(Training):
    """Layers that are trained together, each by a weighted sum of what it gives."""

    def __init__(self, rows, dtype):
        self.rows = rows
        rngs = [row.rng() for row in rows]
        drawn = [[self._drawn(row, rng, dtype) for row, rng in zip(rows, rngs)] for _ in range(3)]
        self.batches = [[x for xs in batch for x in xs] for batch in drawn]
        self.modules = [row.build(nn, cr.tensor).to(dtype) for row in rows]
        self.gains = [self._gains(row, xs) for row, xs in zip(rows, drawn[0])]
        with cr.no_grad():
            self._losses(self.batches[0])  # what is lazy comes to be
        own = [p for m in self.modules for p in m.parameters()]
        gains = [g for gains in self.gains for g in gains if g is not None]
        self.optimizer = optim.SGD([*own, *gains], lr=RATE, momentum=0.9)

    def _drawn(self, row, rng, dtype):
        found = [draw(rng) for draw in row.inputs]
        return [cr.from_numpy(a.astype(dtype) if a.dtype.kind == "f" else a) for a in found]

    def _gains(self, row, xs):
        return [
            cr.ones_like(x).requires_grad_() if x.dtype.kind == "f" and k not in row.fixed else None
            for k, x in enumerate(xs)
        ]

    def _outputs(self, batch):
        following = iter(batch)
        for row, module, gains in zip(self.rows, self.modules, self.gains):
            xs = [next(following) for _ in gains]
            xs = [x if gain is None else x * gain for x, gain in zip(xs, gains)]
            yield flat(row.call(module, *xs))

    def _losses(self, batch):
        return [
            sum((y * cr.cos(cr.arange(y.numel(), dtype=y.dtype)).view(y.shape)).sum() for y in ys)
            for ys in self._outputs(batch)
        ]

    def step(self, *batch):
        self.optimizer.zero_grad()
        losses = self._losses(batch)
        sum(loss for loss in losses if loss.requires_grad).backward()
        self.optimizer.step()
        return losses

    def state(self):
        return {
            "state": [list(m.state_dict().values()) for m in self.modules],
            "gains": self.gains,
        }

    def uses(self):
        for m in self.modules:
            m.eval()
        return lambda *batch: list(self._outputs(batch))


def test_no_layer_is_left_out():
    classes = {name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    layers = {name for name in classes if issubclass(getattr(nn, name), nn.Module)}
    assert set(BY_KIND) == layers - ABSTRACT


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_layer(kind):
    assert_agreement(lambda: Row(BY_KIND[kind], "float64"))


@pytest.mark.parametrize("kind", IN_FLOAT)
def test_some_in_single_precision(kind):
    assert_agreement(lambda: Row(BY_KIND[kind][:1], "float32"))
