"""The network that reads digits: its layers under names that a person understands (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.errors import OptionError
from chainrule.playground.engine.training.choices import ACTIVATIONS

__all__ = ["CLASSES", "Network", "Stage", "build", "check_size"]

CLASSES = 10
_MOST_WEIGHTS = 5_000_000
_MOST_WORK = 2_000_000_000  # products of two numbers in a step, forward: tenths of a second
_POOLED = 4  # pixels along a side that are halved; fewer are left


class Plan(NamedTuple):
    """One layer, before it is made.

    Attributes:
        name: what a person calls it.
        inputs: channels, or numbers, that go in,
        outputs: and come out.
        side: of its maps, 0 if it has none.
        pooled: of the maps that go on.
    """

    name: str
    inputs: int
    outputs: int
    side: int = 0
    pooled: int = 0


class Stage(NamedTuple):
    """Modules that belong together, and what their result is called.

    Attributes:
        name: such as "convolution 1".
        modules: in order, without dropout.
    """

    name: str
    modules: tuple[nn.Module, ...]


class Network(NamedTuple):
    """A network, and what is looked at of it.

    Attributes:
        trained: with dropout.
        still: the same layers without it.
        stages: the same, under names.
        dropout: where dropout draws from.
    """

    trained: nn.Sequential
    still: nn.Sequential
    stages: tuple[Stage, ...]
    dropout: Generator

    @property
    def convolution(self) -> nn.Conv2d | None:
        """The first convolution, if there is one."""
        return next((m for m in self.still if isinstance(m, nn.Conv2d)), None)

    @property
    def first(self) -> tuple[str, nn.Conv2d | nn.Linear]:
        """The first layer with weights, and its name."""
        for stage in self.stages:
            for module in stage.modules:
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    return stage.name, module
        raise AssertionError("a network ends in a layer with weights")

    @property
    def weights(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.trained.parameters())


def check_size(settings: Mapping[str, Any], shape: tuple[int, int]) -> None:
    """Let a network pass that fits the images, before anything is made of it.

    Args:
        settings: of the session.
        shape: height and width of an image.

    Raises:
        OptionError: it does not, or is too large.
    """
    kernel, weights, work = settings["kernel"], 0, 0
    for plan in _plans(settings, shape):
        if plan.side:
            of_one = plan.outputs * plan.inputs * kernel**2
            weights, work = weights + of_one + plan.outputs, work + of_one * plan.side**2
        else:
            of_one = plan.outputs * plan.inputs
            weights, work = weights + of_one + plan.outputs, work + of_one
    if weights > _MOST_WEIGHTS:
        raise OptionError(
            f"this network would have {weights:,} weights, at most {_MOST_WEIGHTS:,} are trained "
            "here; take fewer or smaller layers"
        )
    work *= settings["batch_size"]
    if work > _MOST_WORK:
        raise OptionError(
            f"a step would take {work / 1e9:.1f} billion products, at most "
            f"{_MOST_WORK / 1e9:.0f} billion are taken here; take fewer kernels, or fewer images a "
            "step"
        )


def _plans(settings: Mapping[str, Any], shape: tuple[int, int]) -> list[Plan]:
    """All layers with weights, in order."""
    plans, inputs = [], shape[0] * shape[1]
    if settings["kind"] == "cnn":
        channels, side, kernel = 1, shape[0], settings["kernel"]
        if not settings["channels"]:
            raise OptionError("a convolutional network has at least one convolution; add one")
        for i, kernels in enumerate(settings["channels"], 1):
            out = side + 2 * (kernel // 2) - kernel + 1
            pooled = out // 2 if out >= _POOLED else out
            plans.append(Plan(f"convolution {i}", channels, kernels, out, pooled))
            channels, side = kernels, pooled
        inputs = channels * side**2
    for i, units in enumerate(settings["layers"], 1):
        plans.append(Plan(f"hidden {i}", inputs, units))
        inputs = units
    return [*plans, Plan("output", inputs, CLASSES)]


def build(settings: Mapping[str, Any], shape: tuple[int, int], normalize: nn.Module) -> Network:
    """Return a new network.

    Args:
        settings: of the session, of a size that was let pass.
        shape: height and width of an image.
        normalize: what brings pixels to scale.
    """
    generator = Generator(settings["seed"])
    dropout = Generator(settings["seed"] + 1)
    stages, trained = [Stage("input", (normalize,))], [normalize]
    is_flat = False
    for plan in _plans(settings, shape):
        layers: list[nn.Module] = []
        if not plan.side and not is_flat:
            is_flat = True
            layers.append(nn.Flatten())
        layers.append(_layer(plan, settings["kernel"], generator))
        if plan.name != "output":
            layers.append(getattr(nn, ACTIVATIONS[settings["activation"]].name)())
        stages.append(Stage(plan.name, tuple(layers)))
        if plan.pooled != plan.side:
            stages.append(Stage(plan.name.replace("convolution", "pooling"), (nn.MaxPool2d(2),)))
            layers.append(stages[-1].modules[0])
        trained += layers
        if settings["dropout"] and not plan.side and plan.name != "output":
            trained.append(nn.Dropout(settings["dropout"], generator=dropout))
    still = [module for stage in stages for module in stage.modules]
    return Network(nn.Sequential(*trained), nn.Sequential(*still), tuple(stages), dropout)


def _layer(plan: Plan, kernel: int, generator: Generator) -> nn.Module:
    if plan.side:
        return nn.Conv2d(
            plan.inputs, plan.outputs, kernel, padding=kernel // 2, generator=generator
        )
    return nn.Linear(plan.inputs, plan.outputs, generator=generator)
