"""Where the gradients of a job come from: the tape, or explicit backpropagation (floor 4)."""

from __future__ import annotations

from typing import NamedTuple

from chainrule import layers, nn
from chainrule.autograd import Tensor
from chainrule.convert import to_layers
from chainrule.ops import Array
from chainrule.train.fitting.run import Run, Step

__all__ = ["ENGINES", "explicit_step"]


class Engine(NamedTuple):
    """The optimiser and learning rate that go with an engine, where a person names none."""

    optimizer: str
    lr: float


ENGINES = {"tensor": Engine("adam", 2e-3), "layers": Engine("sgd", 0.3)}


def explicit_step(model: nn.Module, loss: layers.Loss) -> Step:
    """Return a training step, for `fit`, that goes through `model` with `layers.Net`.

    The net shares the model's arrays, so what the step changes are the model's own weights. It
    descends plainly, weight -= lr * gradient, with the learning rate that `fit` has for the step.

    Args:
        model: of modules that have a counterpart in `layers`.
        loss: of its outputs.

    Raises:
        OptionError: a module that has none; names it.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule.train import fit
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> model = nn.Linear(1, 1)
        >>> step = explicit_step(model, layers.MeanSquareLoss())
        >>> history = fit(
        ...     model, (x, 3 * x), optimizer="sgd", lr=0.3, epochs=40, step=step, progress=False
        ... )
        >>> history["loss"][-1] < 0.001
        True
    """
    net = to_layers(model, loss).train()

    def step(run: Run, x: Tensor, y: Tensor) -> tuple[float, Array]:
        out = net(x.array)
        value = run.finite(float(net.loss(out, y.array)))
        net.backward()
        net.update_weights(lr=float(run.optimizer.param_groups[0]["lr"]))
        return value, out

    return step
