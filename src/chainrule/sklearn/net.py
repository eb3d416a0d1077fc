"""`NetClassifier` and `NetRegressor`: estimators of any network (floor 5)."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import from_numpy, no_grad
from chainrule.backend.devices import CPU
from chainrule.errors import OptionError, kind_of
from chainrule.random import fork_rng, manual_seed
from chainrule.sklearn.base import NetworkEstimator
from chainrule.sklearn.inputs import rows_of
from chainrule.sklearn.tasks import Classifier, Regressor
from chainrule.sklearn.trainer import Trainer
from chainrule.train.fitting.epoch import sees_each_step

__all__ = ["NetClassifier", "NetRegressor"]

_UNITS = 100  # of the hidden layer, where nobody gives a network


class Network(NetworkEstimator):
    """What both have: a network that a person gives."""

    _any_shape = True

    def _fit(self, *args: Any, **more: Any) -> Any:
        with self._own_chance():
            return super()._fit(*args, **more)

    @contextmanager
    def _own_chance(self) -> Iterator[None]:
        """Let what is random in a network, which may be anything, follow `random_state`."""
        state = self.random_state
        if state is None:
            yield
            return
        seed = state if isinstance(state, (int, np.integer)) else state.randint(2**31 - 1)
        with fork_rng():
            manual_seed(int(seed))
            yield

    def _network(self, X: Any, random: Any) -> None:
        features = self._columns_out(X)
        network = self._made(features).to(CPU, X.dtype)
        if self._inputs.sizes:
            network = nn.Sequential(self._columns.to(X.dtype), network)
        with no_grad():  # lazy layers learn their sizes
            row = next(rows_of(X[:1], 1))
            outputs = network.eval()(from_numpy(row))
        expected = (1, self.n_outputs_)
        if tuple(outputs.shape) != expected:
            raise OptionError(
                f"the network must give {expected[1]} numbers for a row, (N, {expected[1]}); for "
                f"one row it gives a shape of {tuple(outputs.shape)}"
            )
        self.module_ = network

    def _columns_out(self, X: Any) -> int:
        """How many numbers the network is given for a row."""
        if not self._inputs.sizes:
            return int(X.shape[1])
        self._columns = nn.Columns(self._inputs.sizes, self._inputs.gaps).scale(X)
        for table in self._columns.tables:
            table.weight.array[0] = 0  # the category that nobody has seen
        return self._columns.out_features

    def _made(self, features: int) -> nn.Module:
        given, known = self.module, {"n_features": features, "n_outputs": self.n_outputs_}
        if isinstance(given, nn.Module):
            return copy.deepcopy(given)
        if given is None:
            return nn.Sequential(
                nn.Linear(features, _UNITS), nn.ReLU(), nn.Linear(_UNITS, self.n_outputs_)
            )
        if not callable(given):
            raise OptionError(
                f"module must be a network, or a function that makes one, got {kind_of(given)}"
            )
        asked = inspect.signature(given).parameters
        made = given(**{name: value for name, value in known.items() if name in asked})
        if not isinstance(made, nn.Module):
            raise OptionError(f"module must make an nn.Module, it made {kind_of(made)}")
        return made

    def _trainer(self) -> tuple[Any, Trainer]:
        sees = sees_each_step(self.callbacks or ())
        safe = self._is_ours() and all(
            type(module).__module__.startswith("chainrule.") for module in self.module_.modules()
        )
        return None, Trainer(self.module_, self._head.objective, self._optimizer, None, safe, sees)

    @property
    def _mixes_rows(self) -> bool:
        return True  # who knows


class NetClassifier(Network, Classifier):
    """Any network that predicts classes.

    It takes rows (N, features), or X of more dimensions as images have, and gives a number for
    each class, or label: (N, n_outputs), without softmax. Other parameters are those of
    `MLPClassifier`. What is random in the network follows `random_state`.

    Args:
        module: an `nn.Module`, of which every fit trains a copy; or what makes one, called with
            `n_features` and `n_outputs` if it takes arguments of these names. By default a hidden
            layer of 100 units.
        solver: "adam", "sgd", "lbfgs" (all rows at once), or another name of an optimiser of
            `chainrule.optim`, as "adamw".
        alpha: strength of the penalty alpha |weights|^2 / (2 N), N the rows of a batch.
        batch_size: rows of a step; "auto" are 200, or all if there are fewer.
        learning_rate: of "sgd": "constant", "invscaling" (learning_rate_init / t^power_t, t the
            rows so far) or "adaptive" (a fifth, whenever there is no progress).
        learning_rate_init: the rate to begin with.
        power_t: for "invscaling".
        max_iter: epochs at most; of "lbfgs", iterations.
        shuffle: whether rows are taken in a new order in each epoch.
        random_state: a seed or `RandomState`; an int gives the same numbers each time.
        tol: what counts as progress, in loss or score.
        verbose: whether to show the progress.
        warm_start: whether `fit` goes on with the network that is there.
        momentum: of "sgd".
        nesterovs_momentum: whether it looks ahead.
        early_stopping: hold rows out, stop where their score does not become better, and put the
            best weights back.
        validation_fraction: the share that is held out.
        beta_1: of "adam", the share kept of the mean of gradients,
        beta_2: and of that of their squares.
        epsilon: of "adam", keeps its quotient finite.
        n_iter_no_change: epochs without progress after which training ends.
        max_fun: of "lbfgs", calls of the loss at most.
        loss: "log_loss", "hinge", or a function of outputs (N, K) and the numbers of the classes
            (N,) that gives a tensor of one number, or (N,) where rows have weights.
        scoring: what early stopping looks at: the name of a scorer of scikit-learn, a scorer, or
            "loss"; by default accuracy.
        callbacks: a list of `chainrule.train.Callback`.
        categorical_features: columns that hold categories, which become learned vectors: their
            names or numbers, a mask, or "from_dtype" for those of a frame that are not numbers.
            Numbers beside them are scaled.
        handle_missing: whether numbers may be missing (NaN); the network is told where.
        n_members: networks that are trained, with other random numbers; predictions are means.
        device: where it is trained and asked: "cpu", "cuda" for a GPU, "cuda:1" for the second.
            Between calls the network is in the processor's memory, and so is all that is returned.
        class_weight: "balanced", or a dictionary of weights by class.
        calibrate: hold rows out, and divide outputs by the temperature at which their
            probabilities are as sure as they are right.

    Attributes:
        module_: the network, an `nn.Module`.
        loss_curve_: the loss of each epoch.
        validation_loss_curve_: that of rows held out, or of `eval_set`.
        validation_scores_: the score of rows held out, with `early_stopping`.
        best_validation_score_: the best of them.
        loss_: the last loss,
        best_loss_: and the least, without `early_stopping`.
        n_iter_: epochs, or iterations.
        t_: rows seen.
        n_outputs_: numbers that the network gives for a row.
        out_activation_: what becomes of them.
        classes_: labels, sorted.
        temperature_: what outputs are divided by, with `calibrate`.
        estimators_: the members, if there are several; what else is said here, each has.

    Examples:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> def network(n_features, n_outputs):
        ...     return nn.Sequential(nn.Linear(n_features, 16), nn.GELU(), nn.Linear(16, n_outputs))
        >>> model = NetClassifier(network, learning_rate_init=0.02, tol=1e-3, random_state=0)
        >>> model.fit(X, y).score(X, y) > 0.95
        True
    """

    _two_outputs = True

    def __init__(
        self,
        module: Any = None,
        *,
        solver: str = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        scoring: Any = None,
        callbacks: Any = None,
        categorical_features: Any = None,
        handle_missing: bool = False,
        n_members: int = 1,
        device: Any = "cpu",
        class_weight: Any = None,
        calibrate: bool = False,
    ) -> None:
        self.module = module
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.scoring = scoring
        self.callbacks = callbacks
        self.categorical_features = categorical_features
        self.handle_missing = handle_missing
        self.n_members = n_members
        self.device = device
        self.class_weight = class_weight
        self.calibrate = calibrate


class NetRegressor(Network, Regressor):
    """Any network that predicts numbers.

    It takes rows (N, features), or X of more dimensions, and gives (N, n_outputs). Other
    parameters are those of `MLPRegressor`.

    Args:
        module: an `nn.Module`, of which every fit trains a copy; or what makes one, called with
            `n_features` and `n_outputs` if it takes arguments of these names. By default a hidden
            layer of 100 units.
        solver: "adam", "sgd", "lbfgs" (all rows at once), or another name of an optimiser of
            `chainrule.optim`, as "adamw".
        alpha: strength of the penalty alpha |weights|^2 / (2 N), N the rows of a batch.
        batch_size: rows of a step; "auto" are 200, or all if there are fewer.
        learning_rate: of "sgd": "constant", "invscaling" (learning_rate_init / t^power_t, t the
            rows so far) or "adaptive" (a fifth, whenever there is no progress).
        learning_rate_init: the rate to begin with.
        power_t: for "invscaling".
        max_iter: epochs at most; of "lbfgs", iterations.
        shuffle: whether rows are taken in a new order in each epoch.
        random_state: a seed or `RandomState`; an int gives the same numbers each time.
        tol: what counts as progress, in loss or score.
        verbose: whether to show the progress.
        warm_start: whether `fit` goes on with the network that is there.
        momentum: of "sgd".
        nesterovs_momentum: whether it looks ahead.
        early_stopping: hold rows out, stop where their score does not become better, and put the
            best weights back.
        validation_fraction: the share that is held out.
        beta_1: of "adam", the share kept of the mean of gradients,
        beta_2: and of that of their squares.
        epsilon: of "adam", keeps its quotient finite.
        n_iter_no_change: epochs without progress after which training ends.
        max_fun: of "lbfgs", calls of the loss at most.
        loss: "squared_error" (halved), "poisson", "absolute_error", "huber", "quantile", or a
            function of outputs and targets, (N, K), that gives a tensor of one number, or (N,)
            where rows have weights.
        scoring: what early stopping looks at: the name of a scorer of scikit-learn, a scorer, or
            "loss"; by default R^2.
        callbacks: a list of `chainrule.train.Callback`.
        categorical_features: columns that hold categories, which become learned vectors: their
            names or numbers, a mask, or "from_dtype" for those of a frame that are not numbers.
            Numbers beside them are scaled.
        handle_missing: whether numbers may be missing (NaN); the network is told where.
        n_members: networks that are trained, with other random numbers; predictions are means.
        device: where it is trained and asked: "cpu", "cuda" for a GPU, "cuda:1" for the second.
            Between calls the network is in the processor's memory, and so is all that is returned.
        quantile: the level of the loss "quantile".
        delta: of the loss "huber": where the square ends.

    Attributes:
        module_: the network, an `nn.Module`.
        loss_curve_: the loss of each epoch.
        validation_loss_curve_: that of rows held out, or of `eval_set`.
        validation_scores_: the score of rows held out, with `early_stopping`.
        best_validation_score_: the best of them.
        loss_: the last loss,
        best_loss_: and the least, without `early_stopping`.
        n_iter_: epochs, or iterations.
        t_: rows seen.
        n_outputs_: numbers that the network gives for a row.
        out_activation_: what becomes of them.
        estimators_: the members, if there are several; what else is said here, each has.

    Examples:
        >>> X = np.linspace(-1, 1, 64)[:, None]
        >>> model = NetRegressor(nn.Linear(1, 1), solver="lbfgs", random_state=0)
        >>> model.fit(X, 3 * X[:, 0]).predict([[2.0]]).round(3)
        array([6.])
    """

    def __init__(
        self,
        module: Any = None,
        *,
        solver: str = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "squared_error",
        scoring: Any = None,
        callbacks: Any = None,
        categorical_features: Any = None,
        handle_missing: bool = False,
        n_members: int = 1,
        device: Any = "cpu",
        quantile: float = 0.5,
        delta: float = 1.0,
    ) -> None:
        self.module = module
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.scoring = scoring
        self.callbacks = callbacks
        self.categorical_features = categorical_features
        self.handle_missing = handle_missing
        self.n_members = n_members
        self.device = device
        self.quantile = quantile
        self.delta = delta
