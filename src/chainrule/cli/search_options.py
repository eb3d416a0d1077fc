"""The options of `chainrule tune`: what is searched, how, and what is not searched (floor 5).

What is not searched has the options of `chainrule train`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import click

from chainrule.cli.options import JOB_OPTIONS

__all__ = ["SEARCHED", "search_options"]

_SHARE = 0.2  # of the training examples, by which trials are chosen

# What is searched, each with what a person may write.
SEARCHED = MappingProxyType(
    {
        "lr": "Learning rates, as 1e-4..1e-1.",
        "hidden": "Widths of the hidden layers, as 32,64,128; or all sizes, as 64,128x64.",
        "depth": "Numbers of hidden layers, as 1..3.",
        "dropout": "Shares of values dropped, as 0..0.5.",
        "weight_decay": "Pulls towards 0, as 0,1e-4,1e-3.",
        "batch_size": "Examples in a step, as 32,64,128.",
        "activation": "As relu,gelu,tanh.",
        "optimizer": "As adam,adamw,sgd.",
        "schedule": "As constant,cosine,onecycle.",
        "label_smoothing": "Shares of the target that go to all classes alike, as 0,0.1.",
    }
)
# What `chainrule train` has and a search does not, or has in its own way.
_OTHERWISE = {
    *(
        "engine",
        "doctor",
        "shard_optimizer",
        "validation",
        "threads",
        "out",
        "overwrite",
        "dry_run",
        "resume",
        "checkpoint",
    ),
    *SEARCHED,
}


def _as_in_train() -> list[click.Option]:
    """The options of a training that a search has too."""
    carrier: Any = JOB_OPTIONS(lambda: None)
    return [p for p in reversed(carrier.__click_params__) if p.name not in _OTHERWISE]


def _searched(name: str, words: str) -> click.Option:
    return click.Option([f"--{name.replace('_', '-')}"], help=words, metavar="VALUES")


_OWN = [
    click.Option(
        ["--method"],
        default="halving",
        show_default=True,
        help="halving, random or grid: which trials there are, and which go on.",
    ),
    click.Option(
        ["--trials"],
        type=click.IntRange(1),
        default=30,
        show_default=True,
        help="How many are begun; a grid has as many as it has.",
    ),
    click.Option(
        ["--jobs"],
        type=click.IntRange(1),
        help="Trainings at a time, each in a process.  [default: as many as fit]",
    ),
    click.Option(["--space"], help="A JSON file that says for each setting what to try."),
    click.Option(["--resume"], help="Go on with the search in this folder."),
    click.Option(
        ["--best/--no-best"],
        default=True,
        show_default=True,
        help="Train the best once more in the end, and measure it on the test examples.",
    ),
    click.Option(
        ["--ensemble"],
        type=click.IntRange(2),
        metavar="N",
        help="Instead train the N best once more, and write a model of the mean of their answers.",
    ),
    click.Option(
        ["--validation"],
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=_SHARE,
        show_default=True,
        help="Share of the training examples that trials are chosen by.",
    ),
    click.Option(
        ["--threads"],
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="The most processor threads of a training.",
    ),
    click.Option(["--out"], help="The folder to write to.  [default: runs/DATA-tune]"),
]


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a search."""
    options = [*_OWN, *(_searched(*item) for item in SEARCHED.items()), *_as_in_train()]
    carrier: Any = command
    carrier.__click_params__ = [*options[::-1], *getattr(command, "__click_params__", [])]
    return command
