"""What a network is held against: an answer that is always the same, and a linear model (floor 4).

Both learn from the same rows as the network and are measured on the same, so that a person sees
what the network is worth. The linear model of a number is ridge regression in closed form, that of
classes is logistic regression by L-BFGS; both see numbers scaled and categories one by one.
"""

from __future__ import annotations

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator, Tensor, from_numpy, no_grad
from chainrule.data import Examples
from chainrule.nn import functional as F
from chainrule.ops import Array
from chainrule.optim import LBFGS
from chainrule.train.fitting.loop import predict
from chainrule.train.job.outcome import Baseline
from chainrule.train.job.parts import figures_of

__all__ = ["baselines_of"]

_PENALTY = 1.0  # on the squared weights, beside a sum over the rows: as usual for scaled columns
_MOST_NUMBERS = 20_000_000  # of the table that the linear model learns from; of more rows a share
_MOST_COLUMNS = 2000  # whose products fit into memory
_STEPS = 100


def baselines_of(training: Examples, test: Examples) -> list[Baseline]:
    """Measure what there is to beat.

    Args:
        training: what the network learned from.
        test: what it is measured on.

    Returns:
        The commonest class or the mean; and for a table a linear model, unless its categories
        are too many.

    Examples:
        >>> x = np.arange(20.0).reshape(10, 2)
        >>> line = Examples("line", x, x @ [1.0, 2.0] + 3, None, "")
        >>> for name, figures in baselines_of(line.take(range(0, 10, 2)), line.take([1, 3, 5])):
        ...     print(name, {key: round(value, 1) for key, value in figures.items()})
        the mean {'mae': 10.0, 'r2': -0.4}
        a linear model {'mae': 0.9, 'r2': 1.0}
    """
    found = [_always(training, test)]
    if not training.is_image:
        columns = _columns(training)
        if columns.out_features <= _MOST_COLUMNS:
            fit = _ridge if training.classes is None else _logistic
            line = fit(columns, _some(training, columns.out_features))
            outputs = predict(nn.Sequential(columns, line), test.x.astype(np.float32, copy=False))
            found.append(Baseline("a linear model", figures_of(outputs, test)))
    return found


def _always(training: Examples, test: Examples) -> Baseline:
    if training.classes is None:
        mean = np.full(len(test), training.y.mean(dtype=np.float64), np.float32)
        return Baseline("the mean", figures_of(mean, test))
    commonest = int(np.bincount(training.y).argmax())
    outputs = np.zeros((len(test), len(training.classes)), np.float32)
    outputs[:, commonest] = 1
    name = f"the commonest class, {training.classes[commonest]!r}"
    return Baseline(name, figures_of(outputs, test))


def _columns(training: Examples) -> nn.Columns:
    """The table as the linear model sees it: each category has a column of its own."""
    sizes = (0,) * training.x.shape[1] if training.recipe is None else training.recipe.sizes
    gaps = None if training.recipe is None else training.recipe.gaps
    columns = nn.Columns(sizes, gaps, sizes, generator=Generator(0)).requires_grad_(False)
    for table in columns.tables:
        table.weight.copy_(from_numpy(np.eye(len(table.weight), dtype=np.float32)))
    return columns.scale(training.x)


def _some(training: Examples, width: int) -> Examples:
    """Rows evenly from all, as many as are learned from in seconds."""
    apart = -(-len(training) * width // _MOST_NUMBERS)
    return training if apart <= 1 else training.take(np.arange(0, len(training), apart))


def _seen(columns: nn.Columns, x: Array) -> Tensor:
    with no_grad():
        return columns(from_numpy(x.astype(np.float32)))


def _ridge(columns: nn.Columns, training: Examples) -> nn.Linear:
    x = _seen(columns, training.x).numpy().astype(np.float64)
    centre, mean = x.mean(axis=0), training.y.mean(dtype=np.float64)
    x -= centre
    products = x.T @ x + _PENALTY * np.eye(x.shape[1])
    weight = np.linalg.solve(products, x.T @ (training.y - mean))
    model = nn.Linear(len(weight), 1)
    bias = np.array([mean - centre @ weight], np.float32)
    model.load_state_dict({"weight": weight.astype(np.float32)[None], "bias": bias})
    return model


def _logistic(columns: nn.Columns, training: Examples) -> nn.Linear:
    assert training.classes is not None
    x, y = _seen(columns, training.x), from_numpy(training.y)
    model = nn.Linear(columns.out_features, len(training.classes))
    for p in model.parameters():
        p.detach().zero_()
    optimizer = LBFGS(model.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = _PENALTY / (2 * len(y)) * (model.weight**2).sum()
        loss = F.cross_entropy(model(x), y) + penalty
        loss.backward()
        return loss

    optimizer.step(closure)
    return model
