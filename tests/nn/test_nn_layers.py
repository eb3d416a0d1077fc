"""Every layer gives PyTorch's numbers from PyTorch's weights: outputs, gradients, running values."""

import numpy as np
import pytest
from nn_oracle import backward, close, inputs, pair, plain
from nn_rows import ACTIVATIONS, LAYERS

from chainrule import nn
from chainrule.errors import OptionError
from chainrule.tensor import Generator, from_numpy, manual_seed, ones

DTYPES = ("float32", "float64")


def in_other_order(a):
    """The same numbers, lying in memory the other way round."""
    return np.asfortranarray(a)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [*LAYERS, *ACTIVATIONS], ids=str)
def test_as_pytorch(row, dtype, training, torch):
    rng = row.rng()
    ours, theirs = (m.train(training) for m in pair(row, torch, dtype))
    for batch in range(3):
        arrays = [draw(rng) for draw in row.inputs]
        if batch == 1:
            arrays = [in_other_order(a) for a in arrays]
        xs, ts = inputs(arrays, dtype, torch)
        y, t = ours(*xs), theirs(*ts)
        close(y, t, f"output of batch {batch}")
        backward(y, t, rng, torch)
        for x, tx in zip(xs, ts):
            close(x.grad, tx.grad, f"gradient by the input of batch {batch}")
    # Three batches have added up in these.
    for (name, p), (their_name, tp) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        close(p.grad, tp.grad, f"gradient by {name}")
    for (name, value), (their_name, t) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == their_name
        close(value, t, name)
