"""Every loss gives PyTorch's value and gradient, in every reduction, at extremes too."""

import pytest
from nn_oracle import backward, close, inputs, pair
from nn_rows import LOSSES, reductions


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
        close(x.grad, tx.grad, f"gradient of {reduction}")
