"""The options of `chainrule train`, with their ranges, and those that others share (floor 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["JOB_OPTIONS", "byte_count", "comma_names", "comma_numbers", "device_option"]


def comma_numbers(_context: Any, parameter: Any, text: str) -> tuple[int, ...]:
    """Read "128,64" as (128, 64); nothing as no numbers."""
    try:
        sizes = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no list of whole numbers such as 128,64", param=parameter
        ) from None
    if any(n < 1 for n in sizes):
        raise click.BadParameter(f"{text!r}: sizes must be at least 1", param=parameter)
    return sizes


def comma_names(_context: Any, _parameter: Any, text: str) -> tuple[str, ...]:
    """Read "a,b" as ("a", "b"); nothing as no names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def byte_count(_context: Any, parameter: Any, text: str | None) -> int | None:
    """Read "512M" as 536870912; K, M and G are powers of 1024."""
    if text is None:
        return None
    number, unit = text[:-1] or text, text[-1:].upper()
    power = {"K": 1, "M": 2, "G": 3}.get(unit)
    digits = text if power is None else number
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise click.BadParameter(f"{text!r} is no size such as 512M or 2G", param=parameter)
    return int(digits) * 1024 ** (power or 0)


def device_option(what: str) -> Callable[[Any], Any]:
    """Return the option that names a device.

    Args:
        what: is done there, after "Where to".
    """
    return click.option(
        "--device",
        default="cpu",
        show_default=True,
        help=f"Where to {what}: cpu, or cuda for a GPU, cuda:1 for the second.",
    )


def _grouped(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_SHARE = click.FloatRange(0, 1, max_open=True)
_ABOVE_0 = click.FloatRange(0, min_open=True)

JOB_OPTIONS = _grouped(
    click.option(
        "--model",
        default="auto",
        show_default=True,
        help="mlp, cnn, linear, or auto: cnn for images up to 16x16, else mlp.",
    ),
    click.option(
        "--hidden",
        default="128",
        show_default=True,
        callback=comma_numbers,
        help="Sizes of the hidden layers, as 128,64.",
    ),
    click.option(
        "--activation",
        default="relu",
        show_default=True,
        help="relu, leaky_relu, elu, gelu, silu, sigmoid, tanh, softplus or none.",
    ),
    click.option(
        "--dropout", type=_SHARE, default=0.0, show_default=True, help="Share of values dropped."
    ),
    click.option(
        "--epochs",
        type=click.IntRange(1),
        help="Passes over the data.  [default: enough for 700 steps, at least 5]",
    ),
    click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True),
    click.option(
        "--engine",
        default="tensor",
        show_default=True,
        help="Where gradients come from: tensor, a tape, or layers, explicit backpropagation.",
    ),
    click.option(
        "--lr", type=_ABOVE_0, help="Learning rate.  [default: 0.002; 0.3 with --engine layers]"
    ),
    click.option(
        "--optimizer",
        help="adam, adamw, sgd, rmsprop or adagrad.  [default: adam; sgd with --engine layers]",
    ),
    click.option(
        "--shard-optimizer",
        is_flag=True,
        help="Of several ranks, each remembers and updates a part of the weights.",
    ),
    click.option(
        "--schedule",
        default="cosine",
        show_default=True,
        help="How the learning rate changes: constant, cosine, linear, onecycle or step.",
    ),
    click.option(
        "--warmup",
        type=click.FloatRange(0),
        default=0.0,
        help="Steps in which the rate goes up, or below 1 their share of all.  [default: 0]",
    ),
    click.option(
        "--max-grad-norm",
        type=click.FloatRange(0),
        default=0.0,
        help="Scale gradients down to this norm.  [default: as they are]",
    ),
    click.option(
        "--accumulate",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Batches that make a step.",
    ),
    click.option(
        "--ema",
        type=_SHARE,
        default=0.0,
        help="Average the weights over the steps, as 0.999.  [default: as they are]",
    ),
    click.option(
        "--augment",
        default="",
        help="Change images at random in training: shift, rotate, zoom, flip, joined by commas.",
    ),
    click.option(
        "--label-smoothing",
        type=_SHARE,
        default=0.1,
        show_default=True,
        help="Share of the target that goes to all classes alike.",
    ),
    click.option("--weight-decay", type=click.FloatRange(0), default=0.0, show_default=True),
    click.option(
        "--validation",
        type=_SHARE,
        default=0.1,
        show_default=True,
        help="Share of the training examples that chooses the best weights.",
    ),
    click.option(
        "--test",
        type=_SHARE,
        default=0.2,
        show_default=True,
        help="Share of the examples to measure on, if the data bring no test set.",
    ),
    click.option("--metric", default="", help="What is measured besides the usual, as f1,roc_auc."),
    click.option(
        "--monitor",
        default="loss",
        show_default=True,
        help="The figure that chooses the best weights and ends a run early, as f1.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(1),
        help="Stop early after so many epochs without progress.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    click.option("--threads", type=click.IntRange(1), help="The most processor threads to use."),
    device_option("train"),
    click.option(
        "--doctor/--no-doctor",
        default=True,
        show_default=True,
        help="Examine network and data, watch the training, and say what is not well.",
    ),
    click.option(
        "--checkpoint",
        type=click.FloatRange(0),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Save the run when so many seconds have passed, for --resume to go on from.",
    ),
    click.option(
        "--resume",
        metavar="RUN",
        help="Go on with the run in this folder, that was broken off, with its data and options; "
        "where it was, or on another --device.",
    ),
    click.option("--target", help="The column of a table that is to be predicted."),
    click.option(
        "--categorical",
        default="",
        callback=comma_names,
        help="Columns of a table that are categories whatever they look like, as a,b.",
    ),
    click.option(
        "--numeric",
        default="",
        callback=comma_names,
        help="Columns that are numbers; cells that are none count as missing.",
    ),
    click.option("--drop", default="", callback=comma_names, help="Columns to leave out."),
    click.option(
        "--memory",
        callback=byte_count,
        help="A larger table is read in pieces and kept in a file, as 2G.  [default: 512M]",
    ),
    click.option(
        "--image-size", type=click.IntRange(1), help="Bring the images of a folder to this size."
    ),
    click.option("--grey/--colour", default=None, help="Read the images of a folder so."),
    click.option("--data-dir", help="The folder where data sets such as mnist are kept."),
    click.option("--out", help="The folder to write to.  [default: runs/DATA-1, -2, ...]"),
    click.option("--overwrite", is_flag=True, help="Replace what is in the folder."),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Say how long it will take and how much memory, and stop there.",
    ),
)
