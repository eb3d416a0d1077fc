"""Every loss gives PyTorch's value and gradient, in every reduction, at extremes too."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import tensor
from nn.oracle import backward, close, inputs, pair
from nn.rows import LOSSES, reductions


@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")
@pytest.mark.filterwarnings("ignore:.NLLLoss2d. has been deprecated")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", LOSSES, ids=str)
def test_as_pytorch(row, dtype, torch):
    arrays = [draw(row.rng()) for draw in row.inputs]
    for reduction in reductions(row):
        ours, theirs = pair(row, torch, dtype, fill=False, reduction=reduction)
        xs, ts = inputs(arrays, dtype, torch)
        for i in row.fixed:
            xs[i], ts[i] = xs[i].detach(), ts[i].detach()
        y, t = row.call(ours, *xs), row.call(theirs, *ts)
        close(y, t, f"{reduction}", row.slack)
        backward(y, t, row.rng(), torch)
        for i, (x, tx) in enumerate(zip(xs, ts)):
            if row.slopes and tx.requires_grad:
                close(x.grad, tx.grad, f"gradient of {reduction} by input {i}", row.slack)


@pytest.mark.filterwarnings("ignore:size_average and reduce")
@pytest.mark.parametrize("reduce", [None, False, True])
@pytest.mark.parametrize("size_average", [None, False, True])
def test_the_former_words_for_reductions(size_average, reduce, torch):
    words = {"size_average": size_average, "reduce": reduce}
    x, target = np.random.default_rng(0).normal(size=(2, 4, 3))
    (ox, ot), (tx, tt) = inputs([x, target], "float64", torch)
    close(nn.MSELoss(**words)(ox, ot), torch.nn.MSELoss(**words)(tx, tt), "module")
    ours = nn.functional.mse_loss(ox, ot, size_average, reduce)
    close(ours, torch.nn.functional.mse_loss(tx, tt, size_average, reduce), "function")


def test_arguments_by_pytorchs_names():
    x, target = tensor([[0.0, 1.0]]), tensor([1])
    wanted = nn.functional.cross_entropy(x, target)
    assert nn.functional.cross_entropy(input=x, target=target).item() == wanted.item()
    assert nn.CrossEntropyLoss()(input=x, target=target).item() == wanted.item()
    with pytest.raises(TypeError):
        nn.functional.cross_entropy(x, target, wieght=None)


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
