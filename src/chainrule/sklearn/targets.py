"""What is predicted: classes, labels or numbers, as a network's targets and back (floor 5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from chainrule import ops
from chainrule.errors import DataError
from chainrule.ops import Array
from chainrule.sklearn.losses import (
    Objective,
    each_by_itself,
    margins,
    numbers_loss,
    one_of_many,
)

__all__ = ["OUTPUTS", "Classified", "Head", "Labels", "Numbers", "classes_head"]

# What the outputs of a network become in the end, by scikit-learn's names.
OUTPUTS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "logistic": ops.sigmoid,
    "softmax": partial(ops.softmax, dim=1),
    "exp": ops.exp,
    "softplus": ops.softplus,
    "relu": ops.relu,
    "tanh": ops.tanh,
}


class Head:
    """One kind of thing to predict.

    Attributes:
        outputs: how many numbers the network gives for a row.
        activation: what becomes of them, a name in `OUTPUTS`.
        objective: what is made small.
    """

    outputs: int
    activation: str
    objective: Objective

    def encoded(self, y: Array) -> Array:
        """Return targets as numbers, (N, T)."""
        raise NotImplementedError

    def finished(self, outputs: Array) -> Array:
        """Return the predicted numbers, or probabilities, of outputs (N, K)."""
        return np.asarray(OUTPUTS[self.activation](outputs))


class Classified(Head):
    """A head that knows classes.

    Attributes:
        classes: their labels, sorted.
        stratified: whether rows held out keep their shares, as scikit-learn does with two.
    """

    classes: Array
    stratified = False

    def checked(self, y: Array, sentence: str) -> Array:
        """Return y.

        Raises:
            DataError: a label is none of the classes.
        """
        known = np.isin(y, self.classes)
        if not known.all():
            raise DataError(sentence.format(classes=self.classes, y=np.unique(y)))
        return y

    def encoded(self, y: Array) -> Array:
        """Return the numbers of the classes, (N, 1)."""
        return np.searchsorted(self.classes, y)[:, None]

    def probabilities(self, outputs: Array) -> Array:
        """Return (N, classes)."""
        return self.finished(outputs)

    def decided(self, probabilities: Array) -> Array:
        """Return the label of the likeliest class of each row."""
        likeliest: Array = self.classes[np.argmax(probabilities, axis=1)]
        return likeliest


class Classes(Classified):
    """One of several classes, each with an output."""

    def __init__(self, classes: Array, loss: Any) -> None:
        self.classes, self.outputs, self.activation = classes, len(classes), "softmax"
        if callable(loss):
            self.objective = Objective(loss, is_class=True)
        else:
            self.objective = Objective(margins if loss == "hinge" else one_of_many)


class OneByOne(Classes):
    """One of several classes, each told from all the others by itself."""

    def __init__(self, classes: Array) -> None:
        self.classes, self.outputs, self.activation = classes, len(classes), "logistic"
        self.objective = Objective(each_by_itself)

    def encoded(self, y: Array) -> Array:
        """Return 1 in the column of the class and 0 in the others, (N, classes)."""
        found: Array = super().encoded(y) == np.arange(len(self.classes))
        return found

    def probabilities(self, outputs: Array) -> Array:
        """Return (N, classes), each row adding up to 1."""
        each = self.finished(outputs)
        total = each.sum(axis=1, keepdims=True)
        return np.divide(each, total, out=np.full_like(each, 1 / self.outputs), where=total > 0)


class TwoClasses(Classified):
    """One of two classes, by a single output, which stands for the second."""

    stratified = True

    def __init__(self, classes: Array) -> None:
        self.classes, self.outputs, self.activation = classes, 1, "logistic"
        self.objective = Objective(each_by_itself)

    def encoded(self, y: Array) -> Array:
        """Return 1 for the second class and 0 for the first, (N, 1)."""
        if len(self.classes) < 2:  # nothing can be learned but that it is there
            return np.zeros((len(y), 1))
        second: Array = (y == self.classes[1])[:, None]
        return second

    def probabilities(self, outputs: Array) -> Array:
        """Return (N, classes)."""
        second = self.finished(outputs)
        if len(self.classes) < 2:
            return np.ones_like(second)
        return np.concatenate([1 - second, second], axis=1)


class Labels(Classified):
    """Any of several labels at a time, given as columns of 0 and 1."""

    def __init__(self, count: int, loss: Any) -> None:
        self.classes, self.outputs, self.activation = np.arange(count), count, "logistic"
        self.objective = Objective(loss if callable(loss) else each_by_itself)

    def checked(self, y: Array, sentence: str) -> Array:
        """Return y.

        Raises:
            DataError: it has another number of columns.
        """
        if y.ndim != 2 or y.shape[1] != self.outputs:
            raise DataError(f"y must have {self.outputs} columns, one a label, got {y.shape}")
        return y

    def encoded(self, y: Array) -> Array:
        """Return y as it is, (N, labels)."""
        return y

    def decided(self, probabilities: Array) -> Array:
        """Return 1 where a label is likelier than not, (N, labels)."""
        return (probabilities > 0.5).astype(int)


class Numbers(Head):
    """One or more numbers."""

    def __init__(
        self, count: int, loss: Any, *, activation: str | None, quantile: float, delta: float
    ) -> None:
        usual = "exp" if loss == "poisson" else "identity"
        self.outputs, self.activation = count, activation or usual
        share = 1.0 if callable(loss) or loss == "poisson" else 1 / count
        has_logs = loss == "poisson" and self.activation == "exp"
        rows = (
            loss
            if callable(loss)
            else numbers_loss(loss, quantile=quantile, delta=delta, has_logs=has_logs)
        )
        if self.activation != "identity" and not has_logs:
            rows = partial(_after, OUTPUTS[self.activation], rows)
        self.objective = Objective(rows, share)

    def encoded(self, y: Array) -> Array:
        """Return y as columns, (N, outputs)."""
        return y.reshape(len(y), -1)

    def predicted(self, outputs: Array) -> Array:
        """Return the numbers, (N,) if there is one for each row, else (N, outputs)."""
        found = self.finished(outputs)
        return found[:, 0] if self.outputs == 1 else found


def _after(activation: Callable[[Any], Any], loss: Any, outputs: Any, targets: Any) -> Any:
    """The loss of what outputs become."""
    return loss(activation(outputs), targets)


def classes_head(
    y: Any, loss: Any, activation: str | None, two_outputs: bool, classes: Any = None
) -> Classified:
    """Return the head for labels.

    Args:
        y: (N,), or (N, labels) of 0 and 1.
        loss: a name or a function.
        activation: "softmax" or "logistic", or `None` for what is usual.
        two_outputs: whether two classes have an output each.
        classes: all that there will be; those in y by default.

    Raises:
        ValueError: y holds numbers that are no labels.
    """
    check_classification_targets(y)
    if type_of_target(y).startswith("multilabel"):
        if loss == "hinge":
            raise DataError("loss='hinge' takes one class a row, and y has several labels")
        return Labels(y.shape[1], loss)
    if y.ndim == 2:
        raise DataError(
            "y must have one column of classes, or columns of 0 and 1 for labels; "
            f"got {y.shape[1]} columns of other values"
        )
    known = unique_labels(y if classes is None else classes)
    if len(known) > 2 and activation == "logistic" and loss == "log_loss":
        return OneByOne(known)
    if len(known) > 2 or two_outputs or loss != "log_loss" or activation == "softmax":
        return Classes(known, loss)
    return TwoClasses(known)
