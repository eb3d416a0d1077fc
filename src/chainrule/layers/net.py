"""`Net`: layers one after another, and the chain rule that runs back through them (floor 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from chainrule.errors import ChainruleError, GradientError, OptionError, ShapeError
from chainrule.layers.function import Function, Layer, Loss
from chainrule.ops import Array

__all__ = ["Net"]


class Net(Function):
    """Layers in a row: the output of each is the input of the next.

    A training step is four lines: out = net(X), net.loss(out, y), net.backward(),
    net.update_weights(lr). A net is a function itself, so it can stand in another.

    Args:
        layers: functions, layers, or nets.
        loss: what `net.loss` computes; needed for training alone.

    Attributes:
        layers: the list of them.
        loss_function: the loss, or `None`.

    Raises:
        OptionError: something that is no function, or no loss.
        ChainruleError: what goes wrong in a layer, with its place and kind before the sentence.

    Examples:
        >>> from chainrule.layers import CrossEntropyLoss, Linear, ReLU
        >>> X, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
        >>> net = Net(
        ...     layers=[Linear(2, 4, rng=0), ReLU(), Linear(4, 2, rng=1)], loss=CrossEntropyLoss()
        ... )
        >>> for step in range(100):
        ...     out = net(X)
        ...     L = net.loss(out, y)
        ...     dX = net.backward()
        ...     net.update_weights(lr=0.5)
        >>> bool(L < 0.1), net(X).argmax(axis=1)
        (True, array([0, 1]))
    """

    def __init__(self, layers: Sequence[Function], loss: Loss | None = None) -> None:
        super().__init__()
        if isinstance(layers, Function):
            raise OptionError(f"a Net takes a list of layers; write Net([{layers!r}, ...])")
        self.layers = list(layers)
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Function) or isinstance(layer, Loss):
                raise OptionError(f"a Net is made of functions, got {_named(layer)} at {i}")
        if not isinstance(loss, Loss | None):
            raise OptionError(f"the loss of a Net must be a Loss, got {_named(loss)}")
        self.loss_function = loss

    # --- the step -------------------------------------------------------------------------------

    def forward(self, X: Array) -> Any:
        """Return X after every layer in turn."""
        for i, layer in enumerate(self.layers):
            try:
                X = layer(X)
            except ChainruleError as error:
                self._place(error, i)
                raise
        return X

    def loss(self, out: Any, y: Any) -> Any:
        """Return the loss of the outputs against the targets, and keep what `backward` needs.

        Args:
            out: what the net has just returned.
            y: the targets, as the loss takes them.
        """
        if self.loss_function is None:
            raise OptionError("this Net has no loss; make it with Net(layers, loss=...)")
        return self.loss_function(out, y)

    def backward(self, dY: Any = None) -> Any:
        """Run the chain rule from the loss to the input; every layer gets its `weight_update`.

        Args:
            dY: the gradient at the output, to begin with that instead of the loss.

        Returns:
            The gradient at the input, of its shape.

        Raises:
            GradientError: the loss is not there yet, or is of other outputs than the last.
            ShapeError: a layer returned a gradient of another shape than its input.
        """
        dY = self._loss_gradient() if dY is None else np.asarray(dY)
        for i in reversed(range(len(self.layers))):
            try:
                dY = _checked(self.layers[i], self.layers[i].backward(dY))
            except ChainruleError as error:
                self._place(error, i)
                raise
        return dY

    def update_weights(self, lr: float = 0.01) -> None:
        """Take a step downhill in every layer: weight -= lr * weight_update.

        Args:
            lr: the learning rate.
        """
        for i, layer in enumerate(self.layers):
            try:
                if isinstance(layer, Net):
                    layer.update_weights(lr)
                elif isinstance(layer, Layer):
                    layer._update_weights(lr)
            except ChainruleError as error:
                self._place(error, i)
                raise

    def _loss_gradient(self) -> Any:
        loss = self.loss_function
        if loss is None or not loss.cache:
            raise GradientError("there is no loss to go back from; call net.loss(out, y) first")
        if loss.cache[loss.variables[0]] is not self.cache["output"]:
            raise GradientError(
                "the loss is of something else than the last outputs of this net; call "
                "out = net(X) and net.loss(out, y) one after the other, then net.backward()"
            )
        return loss.backward()

    def _place(self, error: ChainruleError, i: int) -> None:
        """Put the layer that `error` happened in before its sentence."""
        inner = f", {error.where}" if error.where else ""
        error.where = f"layer {i} ({type(self.layers[i]).__name__}){inner}"

    # --- all layers together --------------------------------------------------------------------

    @property
    def weight(self) -> dict[str, Array]:
        """The weights of all layers, "0.W" being W of the first: the arrays themselves."""
        return self._gathered("weight")

    @property
    def weight_update(self) -> dict[str, Array]:
        """The gradients by the weights of all layers, from the last `backward`."""
        return self._gathered("weight_update")

    def _gathered(self, attribute: str) -> dict[str, Array]:
        return {
            f"{i}.{name}": array
            for i, layer in enumerate(self.layers)
            if isinstance(layer, Layer | Net)
            for name, array in getattr(layer, attribute).items()
        }

    def train(self, mode: bool = True) -> Self:
        """Make dropout and batch norm behave as in training, and return the net."""
        for layer in self.layers:
            layer.train(mode)
        return super().train(mode)

    def astype(self, dtype: Any) -> Self:
        """Give all weights another dtype, as `Layer.astype` does, and return the net."""
        for layer in self.layers:
            layer.astype(dtype)
        return self

    def __repr__(self) -> str:
        lines = [f"  {i}: {layer!r}".replace("\n", "\n  ") for i, layer in enumerate(self.layers)]
        return "\n".join(["Net(", *lines, f"  loss: {self.loss_function!r}", ")"])


def _checked(layer: Function, dX: Any) -> Any:
    X = layer.cache[layer.variables[0]]
    if np.shape(dX) != X.shape:
        raise ShapeError(
            f"its backward returned a gradient of shape {np.shape(dX)}; "
            f"expected that of its input, {X.shape}"
        )
    return dX


def _named(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}; did you mean {thing.__name__}()?"
    return f"a loss, {thing!r}" if isinstance(thing, Loss) else type(thing).__name__
