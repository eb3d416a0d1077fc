"""The layers of `nn` as cases: what each is called with in eval mode, and what it answers."""

from __future__ import annotations

import numpy as np

from chainrule import from_numpy, nn, no_grad
from chainrule.autograd import Tensor
from nn.rows import ACTIVATIONS, LAYERS
from nn.rows_sequences import SEQUENCES
from nn.rows_windows import WINDOWS

ROWS = [*LAYERS, *ACTIVATIONS, *SEQUENCES, *WINDOWS]

# What has no C, and a part of the sentence that says so.
REFUSED = {
    "Linear(5, 3) no rows": "without elements",
    "Conv2d(4, 6, 3) no images": "without elements",
    "Embedding(7, 3) no indices": "without elements",
    "GRU(4, 3) no sequences": "without elements",
    # Vectors that are too long are shortened where they lie.
    "Embedding(6, 3, max_norm=0.7)": "assign of Embedding",
    "Embedding(6, 3, padding_idx=2, max_norm=1.0, norm_type=1.0)": "assign of Embedding",
    "EmbeddingBag(6, 3, max_norm=0.7)": "assign of EmbeddingBag",
}


WRITTEN = [row for row in ROWS if str(row) not in REFUSED]


class Case:
    """A layer, what it is called with, and its answers."""

    def __init__(self, row, name):
        self.row, self.name = row, name
        rng = row.rng()
        self.module = row.build(nn, lambda a: from_numpy(single(a))).eval()
        for value in self.module.state_dict().values():
            if value.is_floating_point():
                value.copy_(from_numpy(rng.uniform(0.2, 1.0, tuple(value.shape)).astype("f4")))
        self.inputs = [single(draw(rng)) for draw in row.inputs]

    def call(self, *xs):
        return self.row.call(self.module, *xs)

    def expected(self):
        with no_grad():
            return [t.numpy() for t in flat(self.call(*map(from_numpy, self.inputs)))]


def single(a):
    a = np.asarray(a)
    return a.astype(np.float32) if a.dtype.kind == "f" else a


def flat(y):
    if isinstance(y, Tensor):
        return [y]
    return [t for one in y or () for t in flat(one)] if isinstance(y, (tuple, list)) else []


def close(a, b):
    """Fail unless two arrays agree but for rounding."""
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite])
    scale = max(1.0, np.abs(b[finite]).max(initial=0))
    np.testing.assert_allclose(a[finite], b[finite], rtol=0, atol=2e-6 * scale)
