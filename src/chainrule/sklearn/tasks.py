"""The two tasks: what predicts classes has in common, and what predicts numbers (floor 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target
from sklearn.utils.validation import check_is_fitted

from chainrule.errors import DataError, OptionError
from chainrule.ops import Array
from chainrule.sklearn.base import NetworkEstimator
from chainrule.sklearn.calibration import temperature
from chainrule.sklearn.convergence import Held
from chainrule.sklearn.targets import Classified, Head, Labels, Numbers, classes_head

__all__ = ["Classifier", "Regressor"]


class Classifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """An estimator of classes, or of labels of which several may be true at a time."""

    _head: Classified
    _two_outputs = False  # whether two classes have an output each

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> Any:
        """Learn classes, or labels.

        Args:
            X: array, frame or sparse matrix, (N, features).
            y: classes (N,), or labels that are 0 or 1, (N, labels).
            sample_weight: how much each row counts, (N,).
            eval_set: a pair (X, y) to measure on after each epoch, in place of rows held out.

        Returns:
            The estimator.

        Raises:
            ValueError: X or y cannot be learned from, or a parameter is not what it may be.
        """
        return self._fit(X, y, sample_weight, eval_set)

    @available_if(lambda self: self._check_solver())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Go over the given rows once, and keep what was learned before.

        Args:
            X: (N, features).
            y: classes (N,), or labels (N, labels).
            sample_weight: how much each row counts, (N,).
            classes: all classes that there will be; needed in the first call, unless y are labels.

        Returns:
            The estimator.

        Raises:
            ValueError: as in `fit`, or y has a class that is none of `classes`.
        """
        if type_of_target(y).startswith("multilabel"):
            classes = np.arange(np.shape(y)[1]) if classes is None else classes
        if _check_partial_fit_first_call(self, classes):
            self._forget("module_", "estimators_")
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X: Any) -> Array:
        """Return the class of each row, (N,), or its labels, (N, labels)."""
        check_is_fitted(self)
        return self._head.decided(self.predict_proba(X))

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities in the order of `classes_`, (N, classes); of members, their mean."""
        if self.n_members > 1:
            mean: Array = self._members("predict_proba", X).mean(axis=0)
            return mean
        outputs = self._outputs(X)
        return self._head.probabilities(outputs / getattr(self, "temperature_", 1))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict_std(self, X: Any) -> Array:
        """Return how far the probabilities of the members are apart, (N, classes).

        Raises:
            OptionError: there is one member only.
        """
        _several(self.n_members)
        spread: Array = self._members("predict_proba", X).std(axis=0)
        return spread

    def _head_of(self, y: Array, classes: Any) -> Head:
        activation = getattr(self, "out_activation", None)
        return classes_head(y, self.loss, activation, self._two_outputs, classes)

    def _adopt(self, head: Any) -> None:
        super()._adopt(head)
        self.classes_ = head.classes

    def _known_targets(self, y: Array) -> None:
        if isinstance(self._head, Labels):
            self._head.checked(y, "")
            return
        sentence = "`y` has classes not in `self.classes_`, which are {classes}; it has {y}"
        self._head.checked(y, sentence)

    def _balanced(self, y: Array, weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return weight
        of_class = compute_sample_weight(self.class_weight, y)
        return of_class if weight is None else weight * of_class

    def _score(self, probe: Any, held: Held) -> float:
        return float(accuracy_score(held.y, probe.predict(held.X), sample_weight=held.weight))

    def _calibrate(self, held: Held) -> None:
        outputs, packed = self._there(self._outputs_of(held.X)), self._there(held.packed)
        self.temperature_ = temperature(outputs, packed, self._head.objective)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """An estimator of numbers."""

    _head: Numbers
    calibrate = False  # what probabilities there are to calibrate, numbers have not

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> Any:
        """Learn numbers.

        Args:
            X: array, frame or sparse matrix, (N, features).
            y: numbers, (N,) or (N, outputs).
            sample_weight: how much each row counts, (N,).
            eval_set: a pair (X, y) to measure on after each epoch, in place of rows held out.

        Returns:
            The estimator.

        Raises:
            ValueError: X or y cannot be learned from, or a parameter is not what it may be.
        """
        return self._fit(X, y, sample_weight, eval_set)

    @available_if(lambda self: self._check_solver())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Go over the given rows once, and keep what was learned before.

        Args:
            X: (N, features).
            y: numbers, (N,) or (N, outputs).
            sample_weight: how much each row counts, (N,).

        Returns:
            The estimator.

        Raises:
            ValueError: as in `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return numbers, (N,) or (N, outputs); of members, their mean."""
        if self.n_members > 1:
            mean: Array = self._members("predict", X).mean(axis=0)
            return mean
        outputs = self._outputs(X)
        return self._head.predicted(outputs)

    def predict_std(self, X: Any) -> Array:
        """Return how far the numbers of the members are apart, (N,) or (N, outputs).

        Raises:
            OptionError: there is one member only.
        """
        _several(self.n_members)
        spread: Array = self._members("predict", X).std(axis=0)
        return spread

    def _head_of(self, y: Array, classes: Any) -> Head:
        if self.loss == "poisson" and (y < 0).any():
            raise DataError("loss='poisson' takes counts, and y has numbers below 0")
        return Numbers(
            1 if y.ndim == 1 else y.shape[1],
            self.loss,
            activation=getattr(self, "out_activation", None),
            quantile=self.quantile,
            delta=self.delta,
        )

    def _known_targets(self, y: Array) -> None:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if outputs != self._head.outputs:
            raise DataError(f"y must have {self._head.outputs} columns, as before, got {outputs}")

    def _score(self, probe: Any, held: Held) -> float:
        return float(r2_score(held.y, probe.predict(held.X), sample_weight=held.weight))


def _several(members: int) -> None:
    if members < 2:
        raise OptionError("predict_std compares members; fit with n_members of at least 2")
