"""What a person chose for a training job, and what came of it: plain records (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chainrule import nn
from chainrule.data import Examples
from chainrule.explain.doctor.finding import Finding
from chainrule.explain.overview.summary import Summary
from chainrule.ops import Array
from chainrule.train.fitting.run import History

__all__ = ["Baseline", "Outcome", "Settings"]


@dataclass(frozen=True)
class Settings:
    """What a person can choose; the defaults suit the digits that come with the package.

    Attributes:
        model: "mlp", "cnn", "linear", or "auto": "cnn" for images of up to 16x16, else "mlp".
        hidden: sizes of the hidden layers.
        activation: between them.
        dropout: probability with which a hidden value is dropped in training.
        epochs: passes over the data; enough for 700 steps, but at least 5, if `None`.
        batch_size: examples in a step.
        engine: where gradients come from: "tensor", the tape, or "layers", explicit backpropagation
            by `layers.Net`, which descends plainly.
        lr: learning rate.
        optimizer: its name; for layers it must be "sgd".
        shard_optimizer: of several ranks, each remembers and updates a part of the weights.
        schedule: how the learning rate changes.
        warmup: steps in which it goes up to its first value, or below 1 their share of all steps.
        weight_decay: strength of the pull towards 0.
        max_grad_norm: gradients are scaled down to this norm if theirs is larger; never if 0.
        accumulate: batches that make a step.
        ema: how much of the average of the weights is kept at each step; they are not averaged
            if 0.
        augment: how images are changed at random in training, names joined by commas.
        label_smoothing: how much of the target goes to all classes alike; against overconfidence.
        validation: share of the training examples kept to choose the best weights by.
        test: share of all examples kept for the final measure, where the data bring no test set.
        metric: what is measured besides the usual, names joined by commas.
        monitor: the figure of validation that the best weights are chosen by, and patience.
        patience: stop after so many epochs without progress; never if `None`.
        seed: of every random choice.
        threads: the most processor threads to use; as many as there are cores if `None`.
        device: where it is trained: "cpu", or "cuda", by number if there are several.
        doctor: examine network and data, watch the run, and say what is not well.
        checkpoint: seconds between two checkpoints at least; so seldom that writing them takes a
            twentieth of the time at most.
    """

    model: str = "auto"
    hidden: tuple[int, ...] = (128,)
    activation: str = "relu"
    dropout: float = 0.0
    epochs: int | None = None
    batch_size: int = 64
    engine: str = "tensor"
    lr: float = 2e-3
    optimizer: str = "adam"
    shard_optimizer: bool = False
    schedule: str = "cosine"
    warmup: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 0.0
    accumulate: int = 1
    ema: float = 0.0
    augment: str = ""
    label_smoothing: float = 0.1
    validation: float = 0.1
    test: float = 0.2
    metric: str = ""
    monitor: str = "loss"
    patience: int | None = None
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"
    doctor: bool = True
    checkpoint: float = 30.0


class Baseline(NamedTuple):
    """Something simple that was measured beside the network.

    Attributes:
        name: "the mean", "the commonest class, 'cat'", "a linear model".
        figures: of the test, under the names that those of the network have.
    """

    name: str
    figures: dict[str, float]


@dataclass
class Outcome:
    """What a job leaves behind, beside its folder.

    Attributes:
        model: with the best weights, in eval mode.
        history: the figures of every epoch.
        examples: all that was loaded.
        test: those never trained on.
        outputs: of the model for them.
        figures: of the test: name and value.
        summary: of the network, for one example.
        seconds: of training.
        settings: with the epochs that were used.
        interrupted: whether a person stopped it.
        folder: where it all went.
        findings: what a doctor found, the worst first.
        baselines: what the network is held against, measured on the same examples.
        foreseen: of what the run takes its name, what was predicted and what was measured.
    """

    model: nn.Module
    history: History
    examples: Examples
    test: Examples
    outputs: Array
    figures: dict[str, float]
    summary: Summary
    seconds: float
    settings: Settings
    interrupted: bool = False
    folder: Path = field(default_factory=Path)
    findings: Sequence[Finding] = ()
    baselines: Sequence[Baseline] = ()
    foreseen: Sequence[tuple[str, str, str]] = ()
