"""One way of some rows through a network, forward and back, and what was seen there (floor 4).

Watches the door: what reached each layer with weights, what activations gave, the gradient of each
parameter. It keeps figures, and of arrays only those of the ends; what is too much or too little is
not its affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn, ops
from chainrule.autograd import Tensor
from chainrule.autograd.following import following
from chainrule.autograd.tape import owner
from chainrule.errors import ChainruleError
from chainrule.ops import Array, Op
from chainrule.ops.core import listen
from chainrule.ops.scope import SCOPE

__all__ = ["Activation", "Gradient", "Visit"]

# Where the slope of an activation is a twenty-fifth of what it is in the middle.
_SATURATED = {"sigmoid": (0.01, 0.99), "tanh": (-0.98, 0.98)}


class Activation(NamedTuple):
    """What an activation gave.

    Attributes:
        path: of the module.
        op: "relu", "sigmoid" or "tanh".
        units: how many there are: channels of images, else of the last dimension.
        dead: how many of them are 0 for every row.
        saturated: the share of the numbers where the slope is next to nothing.
        last: whether this is what the network returns.
    """

    path: str
    op: str
    units: int
    dead: int
    saturated: float
    last: bool


class Gradient(NamedTuple):
    """A weight and its gradient.

    Attributes:
        name: of the parameter.
        weight: its norm.
        gradient: and that of its gradient.
    """

    name: str
    weight: float
    gradient: float


class Visit:
    """What a run showed.

    Args:
        model: is run, and gets gradients.
        loss: of what it returns and `y`.
        x: some rows,
        y: and their targets.

    Attributes:
        error: what the run ended in, if it did not come to its end.
        work: floating-point operations on the way forward.
        entered: what reached the first layer with weights, and the dimension of its columns.
        layer: the path of that layer, or "".
        activations: in the order of the run.
        gradients: of the weights of two dimensions and more, in the order in which they were used.
        without: the names of parameters that want a gradient and got none.
        outputs: what the model returned, if that is a tensor.
        loss: as a number.
    """

    def __init__(self, model: nn.Module, loss: Callable[..., Any], x: Any, y: Any) -> None:
        self.error: ChainruleError | None = None
        self.work = 0.0
        self.entered: tuple[Array, int] | None = None
        self.layer = ""
        self.activations: list[Activation] = []
        self.gradients: list[Gradient] = []
        self.without: list[str] = []
        self.outputs: Tensor | None = None
        self.loss = float("nan")
        self._weights: dict[int, str] = {}
        self._used: list[str] = []
        self._maps: set[int] = set()  # what a convolution gave: its channels are dimension 1
        self._kept: list[Array] = []
        self._looking = True
        try:
            with following(), listen(lambda *_: None), ops.watch(self._see):
                self._run(model, loss, x, y)
        except ChainruleError as error:
            self.error = error
        self._kept.clear()

    def _run(self, model: nn.Module, loss: Callable[..., Any], x: Any, y: Any) -> None:
        self._weights = {id(owner(p.array)): n for n, p in model.named_parameters() if p.ndim > 1}
        outputs = model(x)
        self._looking = False
        if isinstance(outputs, Tensor):
            self.outputs = outputs
            self._mark_last(outputs.array)
        value = loss(outputs, y)
        self.loss = value.item()
        value.backward()
        named = dict(model.named_parameters())
        self.without = [n for n, p in named.items() if p.requires_grad and p.grad is None]
        for name in dict.fromkeys(self._used):
            p = named[name]
            if p.grad is not None:
                self.gradients.append(Gradient(name, _norm(p.array), _norm(p.grad.array)))

    def _see(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        if not self._looking:
            return
        shapes: list[Any] = [None if a is None else np.shape(a) for a in args]
        self.work += op.cost(*shapes, **attrs).flops
        path = SCOPE.entries[-1].path if SCOPE.entries else ""
        y = np.asarray(y)
        self._weighed(op, args, y, path)
        if op.name in ("relu", *_SATURATED) and y.ndim > 1 and not _is_gate():
            dim = 1 if id(args[0]) in self._maps or y.ndim > 3 else y.ndim - 1
            self._keep(y, dim == 1 and y.ndim > 2)
            self.activations.append(_activation(op.name, path, y, dim))
        elif op.kind == "elementwise":
            self._keep(y, any(id(a) in self._maps for a in args))

    def _keep(self, y: Array, is_map: bool) -> None:
        """Note what is made of maps; what is kept keeps its identity."""
        if is_map:
            self._maps.add(id(y))
        self._kept.append(y)

    def _weighed(self, op: Op, args: Sequence[Any], y: Array, path: str) -> None:
        """Note the weights that an operation used, and what reached the first of them."""
        names = [self._weights.get(id(owner(a))) for a in args if isinstance(a, np.ndarray)]
        names = [name for name in names if name is not None]
        self._used += [name for name in names if name is not None]
        if op.name == "convolution":
            self._keep(y, True)
        if op.kind != "contract" or not names or self.entered is not None:
            return
        data = [
            a
            for a in args
            if isinstance(a, np.ndarray) and a.ndim > 1 and id(owner(a)) not in self._weights
        ]
        if data and data[0].dtype.kind == "f":
            self.entered = data[0], 1 if op.name == "convolution" else data[0].ndim - 1
            self.layer = path

    def _mark_last(self, outputs: Array) -> None:
        if self.activations and self._kept and self._kept[-1] is outputs:
            self.activations[-1] = self.activations[-1]._replace(last=True)


def _is_gate() -> bool:
    """Whether the operation is inside of a layer of the library that is no such activation."""
    who = SCOPE.entries[-1].who if SCOPE.entries else None
    ours = type(who).__module__.startswith("chainrule.")
    return ours and not isinstance(who, (nn.ReLU, nn.Sigmoid, nn.Tanh))


def _activation(name: str, path: str, y: Array, dim: int) -> Activation:
    others = tuple(d for d in range(y.ndim) if d != dim)
    dead = int((~(y != 0).any(axis=others)).sum()) if name == "relu" else 0
    low, high = _SATURATED.get(name, (-np.inf, np.inf))
    saturated = float(np.mean((y < low) | (y > high)))
    return Activation(path, name, y.shape[dim], dead, saturated, last=False)


def _norm(a: Array) -> float:
    return float(np.linalg.norm(np.asarray(a, np.float64)))
