"""`MLPClassifier` and `MLPRegressor`: scikit-learn's multi-layer perceptrons (floor 5)."""

from __future__ import annotations

from typing import Any

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.backend.arrays import to_host
from chainrule.errors import DataError
from chainrule.nn.place import place_of
from chainrule.ops import Array
from chainrule.sklearn.base import NetworkEstimator
from chainrule.sklearn.network import Plan, built, initialised, linear_layers, of_each
from chainrule.sklearn.tasks import Classifier, Regressor
from chainrule.sklearn.trainer import Trainer
from chainrule.train.fitting.epoch import sees_each_step

__all__ = ["MLPClassifier", "MLPRegressor"]


class Perceptron(NetworkEstimator):
    """What both have: a network of linear layers, and its coefficients."""

    module_: nn.Sequential

    def _network(self, X: Any, random: Any) -> None:
        sizes = self.hidden_layer_sizes
        hidden = [int(n) for n in (sizes if hasattr(sizes, "__iter__") else [sizes])]
        self._plan = Plan(
            (X.shape[1], *hidden, self.n_outputs_),
            of_each("activation", self.activation, len(hidden)),
            of_each("dropout", self.dropout, len(hidden)),
            bool(self.batch_norm),
            bool(self.layer_norm),
            self._inputs.sizes,
            self._inputs.gaps,
            X.dtype.name,
        )
        self.n_layers_ = len(hidden) + 2
        self.module_ = built(self._plan, Generator(0))
        initialised(self.module_, self._plan.activations, random)
        columns = self.module_[0]
        if isinstance(columns, nn.Columns):
            columns.scale(X)
            for table in columns.tables:
                vectors = table.weight.array
                vectors[1:] = random.normal(size=vectors[1:].shape)

    def _trainer(self) -> tuple[Any, Trainer]:
        sees = sees_each_step(self.callbacks or ())
        objective, plan, where = self._head.objective, self._plan, place_of(self.module_)

        def make() -> Trainer:
            generator = Generator(0, device=where)
            chance = generator if any(plan.dropout) else None
            twin = built(plan, generator).to(where)
            return Trainer(twin, objective, self._optimizer, chance, self._is_ours(), sees)

        kind = (
            plan,
            where,
            self._head_kind(),
            self.solver,
            self.momentum > 0,
            bool(self.nesterovs_momentum),
            sees,
        )
        return self._borrowed(None if callable(self.loss) else kind, make)

    @property
    def _mixes_rows(self) -> bool:
        return self._plan.batch_norm

    # Views of the network's own arrays: what is written to them, the network has.
    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, (inputs, outputs)."""
        return [to_host(layer.weight.array).T for layer in self._layers("coefs_")]

    @coefs_.setter
    def coefs_(self, given: Any) -> None:
        self._put(self.coefs_, given, "coefs_")

    @property
    def intercepts_(self) -> list[Array]:
        """What is added in each layer, (outputs,)."""
        biases = [layer.bias for layer in self._layers("intercepts_")]
        return [to_host(bias.array) for bias in biases if bias is not None]

    @intercepts_.setter
    def intercepts_(self, given: Any) -> None:
        self._put(self.intercepts_, given, "intercepts_")

    def _layers(self, name: str) -> list[nn.Linear]:
        if "module_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {name} before it is fitted")
        return linear_layers(self.module_)

    def _put(self, arrays: list[Array], given: Any, name: str) -> None:
        if [array.shape for array in arrays] != [getattr(one, "shape", None) for one in given]:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise DataError(f"{name} must be arrays of shapes {shapes}")
        for array, one in zip(arrays, given):
            array[...] = one


class MLPClassifier(Perceptron, Classifier):
    """A multi-layer perceptron that predicts classes.

    scikit-learn's, with its parameters, attributes and initial weights, and with more: the loss of
    each epoch is the same, to rounding, and the time less. float32 stays float32, which is quicker
    than float64.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of hidden layers: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu",
            "selu", "gelu", "silu", "mish", "softplus" or "hardtanh"; or a list, one for each.
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
        dropout: the share of hidden units left out in a step; one, or a list for the layers.
        batch_norm: whether hidden layers are normed over the rows of a batch.
        layer_norm: whether they are normed over their units.
        out_activation: "softmax" or "logistic"; `None` for what is usual.
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
        coefs_: weights of each layer, (inputs, outputs), views of the network's own.
        intercepts_: likewise, (outputs,).
        n_layers_: how many layers, inputs and outputs among them.
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
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier((20,), solver="lbfgs", max_iter=500, random_state=0)
        >>> model = make_pipeline(StandardScaler(), network).fit(X, y)
        >>> model.score(X, y) > 0.97
        True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
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
        dropout: Any = 0.0,
        batch_norm: bool = False,
        layer_norm: bool = False,
        out_activation: str | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        categorical_features: Any = None,
        handle_missing: bool = False,
        n_members: int = 1,
        device: Any = "cpu",
        class_weight: Any = None,
        calibrate: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
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
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.out_activation = out_activation
        self.scoring = scoring
        self.callbacks = callbacks
        self.categorical_features = categorical_features
        self.handle_missing = handle_missing
        self.n_members = n_members
        self.device = device
        self.class_weight = class_weight
        self.calibrate = calibrate


class MLPRegressor(Perceptron, Regressor):
    """A multi-layer perceptron that predicts numbers.

    scikit-learn's, with its parameters, attributes and initial weights, and with more.

    Args:
        loss: "squared_error" (halved), "poisson", "absolute_error", "huber", "quantile", or a
            function of outputs and targets, (N, K), that gives a tensor of one number, or (N,)
            where rows have weights.
        hidden_layer_sizes: units of each hidden layer.
        activation: of hidden layers: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu",
            "selu", "gelu", "silu", "mish", "softplus" or "hardtanh"; or a list, one for each.
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
        dropout: the share of hidden units left out in a step; one, or a list for the layers.
        batch_norm: whether hidden layers are normed over the rows of a batch.
        layer_norm: whether they are normed over their units.
        out_activation: "identity", "exp", "softplus", "relu", "logistic" or "tanh"; `None` for
            what is usual.
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
        coefs_: weights of each layer, (inputs, outputs), views of the network's own.
        intercepts_: likewise, (outputs,).
        n_layers_: how many layers, inputs and outputs among them.
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
        >>> import numpy as np
        >>> X = np.linspace(-2, 2, 100)[:, None]
        >>> model = MLPRegressor(hidden_layer_sizes=(20,), solver="lbfgs", random_state=0)
        >>> model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.99
        True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
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
        dropout: Any = 0.0,
        batch_norm: bool = False,
        layer_norm: bool = False,
        out_activation: str | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        categorical_features: Any = None,
        handle_missing: bool = False,
        n_members: int = 1,
        device: Any = "cpu",
        quantile: float = 0.5,
        delta: float = 1.0,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
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
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.out_activation = out_activation
        self.scoring = scoring
        self.callbacks = callbacks
        self.categorical_features = categorical_features
        self.handle_missing = handle_missing
        self.n_members = n_members
        self.device = device
        self.quantile = quantile
        self.delta = delta
