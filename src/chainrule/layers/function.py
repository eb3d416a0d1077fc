"""What explicit backpropagation is made of: `Function`, `Layer`, `Loss` (floor 2).

A function knows its own mathematics and nothing of its neighbours: `forward` computes the output,
`backward` takes the gradient of the loss by that output and returns the gradient by the input,
which is the chain rule for one link. `Net` joins the links. All values are plain NumPy arrays, of
whichever dtype comes in, and nothing happens that is not written in the two methods.
"""

from __future__ import annotations

import inspect
import os
from typing import Any, Self, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.errors import GradientError, OptionError
from chainrule.ops import Array

__all__ = ["Function", "Layer", "Loss", "Random", "random_state"]

# A seed, NumPy's generator, the state of one of this library's, or None for a fresh one.
Random: TypeAlias = int | np.random.Generator | Array | None

_NO_MOMENTUM = np.zeros(0)


def random_state(rng: Random) -> Array:
    """Return the state of a random generator: what `ops.random` draws from.

    Args:
        rng: a seed; or a NumPy generator, which gives one; or a state, to be shared; or `None`, for
            other numbers every time.

    Examples:
        >>> bool((random_state(0) == random_state(0)).all())
        True
    """
    if isinstance(rng, np.ndarray):
        return rng
    if rng is None:
        rng = int.from_bytes(os.urandom(8), "little")
    elif isinstance(rng, np.random.Generator):
        rng = int(rng.integers(1 << 63))
    elif not isinstance(rng, (int, np.integer)):
        raise OptionError(
            "rng must be a seed, a numpy.random.Generator, a state or None, "
            f"got {type(rng).__name__}"
        )
    return ops.new_state(int(rng))


class Cache(dict[str, Any]):
    """What a call has kept, by name; asked for what is not there, it says what to do first."""

    def __init__(self, owner: Function) -> None:
        self.kind = type(owner).__name__

    def __missing__(self, name: str) -> Any:
        raise GradientError(
            f"{self.kind} has kept no {name!r} yet; call it on data before asking for gradients"
        )


class Function:
    """A differentiable function of arrays, with the gradient that it sends back.

    Your own needs two methods:

    - `forward(self, X)` returns the output, an array;
    - `backward(self, dY)` gets the gradient of the loss by the output and returns that by the
      input, an array of its shape. What it needs of the call is in `cache`, inputs by the names
      that `forward` gives them, and "output"; `forward` may put more there.

    For a function that works on every element alone, `local_grad(self, X)` will do instead of
    `backward`: a dictionary with dy/dx of each element under the name of the input.

    Attributes:
        cache: what the last call has kept.
        grad: the local gradients at the last call, worked out when they are asked for.
        training: whether to behave as in training, or as in use; `train` and `eval` set it.
        variables: the names that `forward` gives to its inputs.

    Raises:
        GradientError: gradients are asked for before the function has been called.

    Examples:
        >>> class Square(Function):
        ...     def forward(self, X):
        ...         return X**2
        ...
        ...     def local_grad(self, X):
        ...         return {"X": 2 * X}
        >>> square = Square()
        >>> square(np.array([1.0, 3.0]))
        array([1., 9.])
        >>> square.backward(np.array([1.0, 0.5]))
        array([2., 3.])
    """

    training = True
    variables: tuple[str, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.variables = tuple(inspect.signature(cls.forward).parameters)[1:]

    def __init__(self) -> None:
        self.cache: dict[str, Any] = Cache(self)

    def __call__(self, *inputs: Any) -> Any:
        """Run `forward`, and keep what `backward` will need."""
        arrays = [np.asarray(x) for x in inputs]
        self.cache = Cache(self)
        output = self.forward(*arrays)
        self.cache.update(zip(self.variables, arrays), output=output)
        return output

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output; every function has its own.

        Raises:
            NotImplementedError: this one has not.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, X); write one")

    def backward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the global gradient dX: dY, that by the output, times the local gradient.

        This is for functions of each element alone; every other has its own.

        Raises:
            GradientError: the function states no local gradient either.
        """
        (dY,) = args
        return ops.mul(dY, self.grad[self.variables[0]])

    def local_grad(self, *args: Any, **kwargs: Any) -> dict[str, Array]:
        """Return the derivatives of the output by each variable, by name, at the given inputs.

        Raises:
            GradientError: this function has no use for them, `backward` does without.
        """
        kind = type(self)
        advice = (
            "write backward(self, dY), or local_grad(self, X) if it works on each element alone"
        )
        if kind.backward is not Function.backward:
            advice = (
                "an output of it depends on many inputs at once; ask backward(dY) for gradients"
            )
        raise GradientError(f"{kind.__name__} states no local gradients: {advice}")

    @property
    def grad(self) -> dict[str, Array]:
        """The local gradients at the last call."""
        return self.local_grad(*(self.cache[name] for name in self.variables))

    def train(self, mode: bool = True) -> Self:
        """Behave as in training, and return the function itself."""
        self.training = mode
        return self

    def eval(self) -> Self:
        """Behave as in use, without dropout and with known means, and return the function."""
        return self.train(False)

    def astype(self, dtype: Any) -> Self:
        """Keep numbers in another dtype, and return the function; this one keeps none."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Layer(Function):
    """A function with weights that are learned.

    `backward` of a layer does two things: it returns the gradient by the input, as every function
    does, and it puts the gradient by each weight into `weight_update`, under the weight's name.

    Args:
        rng: where the initial weights come from: a seed, a `numpy.random.Generator`, or `None`.

    Attributes:
        weight: the weights, float64 arrays by name; they are changed in place.
        weight_update: the gradients of the loss by them, from the last `backward`.

    Examples:
        >>> class Scale(Layer):
        ...     def _init_weights(self, state):
        ...         self.weight["s"] = np.array([2.0])
        ...
        ...     def forward(self, X):
        ...         return self.weight["s"] * X
        ...
        ...     def backward(self, dY):
        ...         self.weight_update["s"] = np.array([(dY * self.cache["X"]).sum()])
        ...         return dY * self.weight["s"]
        >>> scale = Scale()
        >>> scale(np.array([1.0, 3.0])), scale.backward(np.array([1.0, 1.0]))
        (array([2., 6.]), array([2., 2.]))
        >>> scale._update_weights(lr=0.25)
        >>> scale.weight
        {'s': array([1.])}
    """

    def __init__(self, rng: Random = None) -> None:
        super().__init__()
        self.weight: dict[str, Array] = {}
        self.weight_update: dict[str, Array] = {}
        self._init_weights(random_state(rng))

    def _init_weights(self, state: Array) -> None:
        """Fill `weight`, drawing what is random from the state of a generator."""

    def _update_weights(self, lr: float) -> None:
        """Take one step downhill: weight -= lr * weight_update, in place.

        Args:
            lr: the learning rate.

        Raises:
            GradientError: a weight has no gradient yet.
            ShapeError: a gradient has not the shape of its weight.
        """
        for name, weight in self.weight.items():
            if name not in self.weight_update:
                raise GradientError(
                    f"weight {name!r} has no gradient yet; run backward before the weights are "
                    "updated"
                )
            ops.sgd_step(weight, self.weight_update[name], _NO_MOMENTUM, lr)

    def astype(self, dtype: Any) -> Self:
        """Give the weights another dtype, and return the layer.

        They begin as float64, NumPy's own. In float32 a network takes half the memory and about
        half the time, if the data are float32 too.
        """
        self.weight = {name: w.astype(dtype) for name, w in self.weight.items()}
        return self


class Loss(Function):
    """How far outputs are from what was wanted: one number, where the way back begins.

    Your own needs `forward(self, X, Y)`, of outputs and targets, and `local_grad(self, X, Y)`, a
    dictionary with the gradient of the loss by X.
    """

    def backward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient of the loss by the outputs it was called with."""
        return self.grad[self.variables[0]]
