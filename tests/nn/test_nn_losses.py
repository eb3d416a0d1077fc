"""Every loss gives PyTorch's value and gradient, in every reduction, at extremes too."""

import numpy as np
import pytest

from chainrule import nn
from nn.oracle import backward, close, inputs, pair
from nn.rows import LOSSES, reductions


@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", LOSSES, ids=str)
def test_as_pytorch(row, dtype, torch):
    arrays = [draw(row.rng()) for draw in row.inputs]
    for reduction in reductions(row):
        ours, theirs = pair(row, torch, dtype, fill=False, reduction=reduction)
        (x, target), (tx, their_target) = inputs(arrays, dtype, torch)
        target, their_target = target.detach(), their_target.detach()
        y, t = ours(x, target), theirs(tx, their_target)
        close(y, t, f"{reduction}")
        backward(y, t, row.rng(), torch)
        if row.slopes:
            close(x.grad, tx.grad, f"gradient of {reduction}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_certain_and_wrong(dtype, torch):
    """Large scores become probabilities of exactly 0 and 1; no NaN comes back from them."""
    scores = np.array([-1000.0, -1000.0, 1000.0, 1000.0, 0.5])
    target = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    (x, t), (tx, tt) = inputs([scores, target], dtype, torch)
    ours, theirs = (
        nn.BCELoss()(x.sigmoid(), t.detach()),
        torch.nn.BCELoss()(tx.sigmoid(), tt.detach()),
    )
    ours.backward()
    theirs.backward()
    close(ours, theirs, "value")
    close(x.grad, tx.grad, "gradient")
