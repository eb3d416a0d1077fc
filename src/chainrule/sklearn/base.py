"""What the estimators share: fitting as scikit-learn does it, by this library's `fit` (floor 5)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from chainrule import nn, optim, train
from chainrule.autograd import Tensor, from_numpy, no_grad
from chainrule.backend.devices import CPU, available, working_on
from chainrule.data import DataLoader, TensorDataset
from chainrule.errors import DataError, OptionError
from chainrule.nn.place import place_of
from chainrule.ops import Array
from chainrule.optim.names import optimizer_of
from chainrule.sklearn.convergence import NOT_FINITE, Convergence, Held
from chainrule.sklearn.inputs import Inputs, dense, rows_of
from chainrule.sklearn.options import checked
from chainrule.sklearn.order import EpsilonHat, Order, SparseRows
from chainrule.sklearn.targets import Head
from chainrule.sklearn.trainer import Step, Trainer, borrowed, copied, given_back
from chainrule.train.fitting.run import NotFiniteError

__all__ = ["NetworkEstimator"]

# Rows that go through a network at a time, when nothing is learned.
_PIECE = 4096


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator with a network; see `MLPClassifier` for its parameters and attributes."""

    module_: nn.Module
    _any_shape: ClassVar[bool] = False
    _trusts = False  # whether X is as the network takes it, as it is while training

    # --- what each estimator says of itself -----------------------------------------------------

    def _head_of(self, y: Array, classes: Any) -> Head:
        """What there is to predict."""
        raise NotImplementedError

    def _known_targets(self, y: Array) -> None:
        """Refuse what a network that is there cannot learn."""

    def _network(self, X: Any, random: Any) -> None:
        """Make `module_`, and what is known of it."""
        raise NotImplementedError

    def _trainer(self) -> tuple[Any, Trainer]:
        """What trains `module_`, and by which kind it is kept, `None` if it is not."""
        raise NotImplementedError

    def _score(self, probe: Any, held: Held) -> float:
        """The score where nobody names another."""
        raise NotImplementedError

    @property
    def _mixes_rows(self) -> bool:
        """Whether what comes of a row may depend on the others of its batch."""
        raise NotImplementedError

    # --- fitting --------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        eval_set: Any = None,
        *,
        incremental: bool = False,
        classes: Any = None,
    ) -> Any:
        checked(self.get_params(deep=False), is_classifier(self))
        where = available(self.device)
        for name in ("early_stopping", "calibrate"):
            if incremental and getattr(self, name):
                raise OptionError(f"partial_fit does not support {name}=True")
        if self.n_members > 1:
            return self._fit_members(X, y, sample_weight, eval_set, incremental, classes)
        self._forget("estimators_")
        first = not hasattr(self, "module_") or not (self.warm_start or incremental)
        X, y, weight = self._prepared(X, y, sample_weight, first, classes)
        random = check_random_state(self.random_state)
        if first:
            self._start(X, random)
        packed = self._packed(X, y, weight)
        held = self._read_held(eval_set)
        try:
            with working_on(where):
                self.module_.to(where)
                self._learn(X, y, packed, weight, held, random, incremental)
        finally:
            self.module_.to(CPU)
        return self

    def _learn(
        self,
        X: Any,
        y: Array,
        packed: Array,
        weight: Array | None,
        held: Held | None,
        random: Any,
        incremental: bool,
    ) -> None:
        """Train the network where it is."""
        if callable(self.loss):
            self._probe_loss(X, packed, weight)
        stops = self.early_stopping and self.solver != "lbfgs"
        if held is None and (stops or self.calibrate):
            X, packed, held = self._split(X, y, packed, weight, random)
        if self.solver == "lbfgs":
            self._go_down(X, packed)
        else:
            self._train(X, packed, held, random, incremental)
        if not all(np.isfinite(p.array).all() for p in self.module_.parameters()):
            raise DataError(NOT_FINITE)
        if self.calibrate and held is not None:
            self._calibrate(held)

    def _prepared(
        self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any
    ) -> tuple[Any, Array, Array | None]:
        """X, y and the weights of rows, as far as they do not depend on the network."""
        X, y = self._read(X, y, first)
        weight = self._weights(X, y, sample_weight)
        if first:
            self._head = self._head_of(y, classes)
            self._adopt(self._head)
        else:
            self._known_targets(y)
        weight = self._balanced(y, weight)
        return (X, y, None) if weight is None else _without_zeros(X, y, weight)

    def _read(self, X: Any, y: Any, first: bool) -> tuple[Any, Array]:
        numeric = not is_classifier(self)
        if first:
            self._inputs = Inputs(self.categorical_features, self.handle_missing, self._any_shape)
            X, y = self._inputs.first(self, X, y, numeric)
        else:
            X, y = self._inputs.again_with(self, X, y, numeric)
        if hasattr(y, "toarray"):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _weights(self, X: Any, y: Array, sample_weight: Any) -> Array | None:
        if sample_weight is None:
            return None
        weight: Array = _check_sample_weight(
            sample_weight, X, dtype=X.dtype, ensure_non_negative=True
        )
        if not weight.any():
            raise DataError("sample_weight is zero for all samples; at least one must be above")
        return weight

    def _balanced(self, y: Array, weight: Array | None) -> Array | None:
        """The weights with those of classes."""
        return weight

    def _adopt(self, head: Head) -> None:
        """Say of the head what scikit-learn says of it."""
        self.n_outputs_ = head.outputs
        self.out_activation_ = head.activation

    def _start(self, X: Any, random: Any) -> None:
        """Begin anew: a network, and no figures."""
        self._network(X, random)
        self.n_iter_, self.t_ = 0, 0
        self._forget("_memory", "_rate", "temperature_")
        if self.solver == "lbfgs":
            return
        self._no_improvement_count = 0
        self._best: dict[str, Array] | None = None
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self.best_loss_ = None if self.early_stopping else np.inf

    def _forget(self, *names: str) -> None:
        for name in names:
            self.__dict__.pop(name, None)

    def _packed(self, X: Any, y: Array, weight: Array | None) -> Array:
        """Targets, and weights in the last column."""
        targets = self._head.encoded(y)
        found = np.empty((len(targets), targets.shape[1] + 1), X.dtype)
        found[:, :-1] = targets
        found[:, -1] = 1 if weight is None else weight
        return found

    def _probe_loss(self, X: Any, packed: Array, weight: Array | None) -> None:
        """See what a person's own loss gives, on a few rows."""
        outputs = self._there(self._outputs_of(X[:2]))
        objective = self._head.objective.probed(outputs, self._there(packed[:2]))
        if weight is not None and not objective.by_rows:
            raise OptionError(
                "loss gives one number for a batch, so rows cannot have weights; return one for "
                "each row, (N,)"
            )
        self._head.objective = objective

    def _read_held(self, eval_set: Any) -> Held | None:
        if eval_set is None:
            return None
        if isinstance(eval_set, list) and len(eval_set) == 1:
            (eval_set,) = eval_set
        if not isinstance(eval_set, (tuple, list)) or len(eval_set) != 2:
            raise OptionError("eval_set must be a pair (X, y) of data to measure on")
        given, labels = eval_set
        X, y = self._inputs.again_with(self, given, labels, not is_classifier(self))
        y = y.toarray() if hasattr(y, "toarray") else y
        y = column_or_1d(y) if y.ndim == 2 and y.shape[1] == 1 else y
        self._known_targets(y)
        return Held(X, y, self._packed(X, y, None), None)

    def _split(
        self, X: Any, y: Array, packed: Array, weight: Array | None, random: Any
    ) -> tuple[Any, Array, Held]:
        stratify = y if getattr(self._head, "stratified", False) else None
        rows = np.arange(X.shape[0])
        kept, out = train_test_split(
            rows, random_state=random, test_size=self.validation_fraction, stratify=stratify
        )
        if len(out) < 2:
            raise DataError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        held = Held(X[out], y[out], packed[out], None if weight is None else weight[out])
        return X[kept], packed[kept], held

    # --- by steps -------------------------------------------------------------------------------

    def _train(
        self, X: Any, packed: Array, held: Held | None, random: Any, incremental: bool
    ) -> None:
        size = self._batch_size(len(packed))
        epochs = 1 if incremental else int(self.max_iter)
        batches = np.diff([*range(0, len(packed), size), len(packed)])
        kind, trainer = self._trainer()
        self._ready(trainer, X, packed, random, incremental)
        filled = trainer.objective.by_rows and not self._mixes_rows
        order = Order(len(packed), size, random if self.shuffle else None, filled)
        own, self.module_ = self.module_, trainer.model
        self.n_iter_ = 0
        try:
            self._run(trainer, X, packed, held, order, batches, epochs)
            if self.early_stopping and self._best is not None:
                trainer.model.load_state_dict(self._best)
            self._best = None
            self._memory = trainer.memory()
        finally:
            self.module_ = own
            if trainer.model is not own:
                copied(trainer.model, own)
        own.eval()
        if kind is not None:
            given_back(kind, trainer)

    def _ready(self, trainer: Trainer, X: Any, packed: Array, random: Any, more: bool) -> None:
        """Give the trainer what it begins with."""
        memory = getattr(self, "_memory", None) if more else None
        seed = int(random.randint(2**31 - 1)) if trainer.generator is not None else 0
        trainer.begin(self.module_, self.alpha, seed, memory)
        rate = getattr(self, "_rate", None) if more else None
        for group in trainer.optimizer.param_groups:
            group["lr"] = float(self.learning_rate_init if rate is None else rate)
            if self.solver == "adam":
                group["betas"] = (self.beta_1, self.beta_2)
                group["eps"] = self.epsilon
            if self.solver == "sgd":
                group["momentum"] = self.momentum

    def _run(
        self,
        trainer: Trainer,
        X: Any,
        packed: Array,
        held: Held | None,
        order: Order,
        batches: Array,
        epochs: int,
    ) -> None:
        size = int(batches.max())
        loader = DataLoader(_examples(X, packed, len(order)), size, sampler=order)
        convergence = Convergence(
            self,
            batches,
            held,
            lambda one: self._loss_on(trainer, one),
            lambda one: self._scored(trainer, one),
        )
        try:
            history = train.fit(
                trainer.model,
                loader,
                trainer.objective,
                trainer.optimizer,
                epochs=epochs,
                schedule=self._schedule(trainer),
                metrics={},
                callbacks=[convergence, *(self.callbacks or ())],
                step=Step(trainer, epochs * len(batches)),
                progress=bool(self.verbose),
            )
        except NotFiniteError as error:
            raise DataError(NOT_FINITE) from error
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
            return
        self._rate = trainer.optimizer.param_groups[0]["lr"]
        if self.n_iter_ == self.max_iter and not history.stopped and epochs > 1:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _borrowed(self, kind: Any, make: Callable[[], Trainer]) -> tuple[Any, Trainer]:
        return kind, (make() if kind is None else borrowed(kind, make))

    def _is_ours(self) -> bool:
        """Whether the loss does nothing that a recorded step could leave out."""
        return not callable(self.loss) or self.loss.__module__.startswith("chainrule.")

    def _head_kind(self) -> Any:
        """By what a loss is known."""
        own = getattr(self, "quantile", None), getattr(self, "delta", None)
        return type(self._head), self._head.activation, self.loss, self.n_outputs_, own

    def _schedule(self, trainer: Trainer) -> Any:
        if not isinstance(trainer.optimizer, optim.Adam) or self.solver != "adam":
            return None
        memory = trainer.memory()
        return EpsilonHat(trainer.optimizer, self.epsilon, int(memory[0]["step"]))

    def _batch_size(self, rows: int) -> int:
        size = 200 if isinstance(self.batch_size, str) else int(self.batch_size)
        if size > rows and size == self.batch_size:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped.",
                stacklevel=6,
            )
        size = min(size, rows)
        while self._mixes_rows and rows % size == 1 and 1 < size < rows:
            size += 1  # a norm over the rows of a batch needs two at least
        return size

    def _optimizer(self, parameters: Any) -> optim.Optimizer:
        if self.solver == "sgd":
            nesterov = bool(self.nesterovs_momentum and self.momentum > 0)
            return optim.SGD(
                parameters, lr=self.learning_rate_init, momentum=self.momentum, nesterov=nesterov
            )
        return optimizer_of(self.solver, parameters, lr=self.learning_rate_init)

    # --- by L-BFGS ------------------------------------------------------------------------------

    def _go_down(self, X: Any, packed: Array) -> None:
        """Train on all rows at once."""
        trainer = Trainer(self.module_, self._head.objective, optim.SGD)  # which takes no step
        trainer.begin(self.module_, self.alpha, 0)
        descent = optim.LBFGS(
            self.module_.parameters(),
            max_iter=int(self.max_iter),
            max_eval=int(self.max_fun),
            tolerance_grad=self.tol,
            history_size=10,
            line_search_fn="strong_wolfe",
        )
        rows = dense(X)
        x, y = self._there(X.toarray() if rows is None else rows), self._there(packed)
        self.module_.train()

        def closure() -> Any:
            descent.zero_grad()
            loss = trainer.loss(x, y)
            loss.backward()
            return loss

        descent.step(closure)
        self.module_.eval()
        with no_grad():
            self.loss_ = trainer.loss(x, y).item()
        self.n_iter_ = int(next(iter(descent.state.values()))["n_iter"])
        if self.n_iter_ >= self.max_iter:
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iterations: the limit was reached. "
                "Increase max_iter, or scale the data.",
                ConvergenceWarning,
                stacklevel=4,
            )

    # --- measuring ------------------------------------------------------------------------------

    def _loss_on(self, trainer: Trainer, held: Held) -> float:
        outputs, packed = self._there(self._outputs_of(held.X)), self._there(held.packed)
        with no_grad():
            loss = trainer.objective(outputs, packed, trainer.penalty())
        return float(loss.item())

    def _scored(self, trainer: Trainer, held: Held) -> float:
        if isinstance(self.scoring, str) and self.scoring == "loss":
            return -self.validation_loss_curve_[-1]
        probe = copy.copy(self)
        probe._trusts = True
        if self.scoring is None:
            return self._score(probe, held)
        scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
        weight = {} if held.weight is None else {"sample_weight": held.weight}
        return float(scorer(probe, held.X, held.y, **weight))

    def _calibrate(self, held: Held) -> None:
        """Learn from held-out data what comes after the outputs."""

    def _outputs_of(self, X: Any) -> Array:
        """What the network gives for rows as it takes them.

        On a GPU a copy of it is asked, so that threads may ask at the same time.
        """
        module, where = self.module_, available(self.device)
        if place_of(module) is not where:
            module = copy.deepcopy(module).to(where)
        pieces = [train.predict(module, rows, batch_size=_PIECE) for rows in rows_of(X, _PIECE)]
        outputs = np.concatenate(pieces)
        return outputs.reshape(len(outputs), -1)

    def _there(self, array: Array) -> Tensor:
        """A tensor where the network is."""
        return from_numpy(array).to(place_of(self.module_))

    def _outputs(self, X: Any) -> Array:
        """What the network gives for X, however it is given."""
        check_is_fitted(self)
        if not self._trusts:
            X = self._inputs.again(self, X)
        return self._outputs_of(X)

    # --- members --------------------------------------------------------------------------------

    def _fit_members(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        eval_set: Any,
        incremental: bool,
        classes: Any,
    ) -> Any:
        """Fit several networks that differ in their random numbers."""
        known = getattr(self, "estimators_", None)
        if known is None or not (incremental or self.warm_start):
            random = check_random_state(self.random_state)
            seeds = [int(random.randint(2**31 - 1)) for _ in range(self.n_members)]
            known = [clone(self).set_params(n_members=1, random_state=seed) for seed in seeds]
        for member in known:
            member._fit(X, y, sample_weight, eval_set, incremental=incremental, classes=classes)
        self.estimators_ = known
        for name in ("n_features_in_", "feature_names_in_", "classes_", *_SHARED):
            if hasattr(known[0], name):
                setattr(self, name, getattr(known[0], name))
        self.n_iter_ = max(member.n_iter_ for member in known)
        return self

    def _members(self, method: str, X: Any) -> Array:
        """What each member says, (members, N, ...)."""
        check_is_fitted(self)
        return np.stack([getattr(member, method)(X) for member in self.estimators_])

    # --- scikit-learn's questions ---------------------------------------------------------------

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.categorical_features is None
        tags.input_tags.allow_nan = bool(self.handle_missing)
        tags.input_tags.categorical = self.categorical_features is not None
        tags.input_tags.string = self.categorical_features is not None
        return tags


_SHARED = ("n_outputs_", "out_activation_", "_head")


def _without_zeros(X: Any, y: Array, weight: Array) -> tuple[Any, Array, Array]:
    """Leave out rows of no weight, which is what no weight means."""
    kept = weight > 0
    return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])


def _examples(X: Any, packed: Array, length: int) -> Any:
    """The rows to take, and if batches are filled up, one more, of zeros and without weight."""
    rows = dense(X)
    more = int(length > len(packed))
    if rows is None:
        from scipy import sparse

        X = sparse.vstack([X, sparse.csr_matrix((more, X.shape[1]), dtype=X.dtype)])
        return SparseRows(X, _longer(packed, more))
    return TensorDataset(from_numpy(_longer(rows, more)), from_numpy(_longer(packed, more)))


def _longer(rows: Array, more: int) -> Array:
    if not more:
        return rows
    return np.concatenate([rows, np.zeros((more, *rows.shape[1:]), rows.dtype)])
