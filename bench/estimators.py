"""The estimators beside scikit-learn's own: scores and times, in one run.

`python -m bench.estimators` writes what it found to `bench/ESTIMATORS.md`. Both are given the same
data, the same parameters (the default ones) and the same random_state, in turns, with one thread.
Times are the processor's, so that who else is at work on the machine matters less.
The files of MNIST are looked for where `chainrule.data.mnist` looks for them.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import chainrule as cr
import chainrule.sklearn
from bench.machine import facts, load_average
from bench.report import seconds as told
from sklearn import datasets, neural_network

PAGE = Path(__file__).parent / "ESTIMATORS.md"
SEEDS, FOLDS = 3, 5

TABLES: dict[str, tuple[str, Callable[[], Any]]] = {
    "digits": ("MLPClassifier", lambda: datasets.load_digits(return_X_y=True)),
    "breast cancer": ("MLPClassifier", lambda: datasets.load_breast_cancer(return_X_y=True)),
    "wine": ("MLPClassifier", lambda: datasets.load_wine(return_X_y=True)),
    "moons": ("MLPClassifier", lambda: datasets.make_moons(1000, noise=0.25, random_state=0)),
    "diabetes": ("MLPRegressor", lambda: datasets.load_diabetes(return_X_y=True)),
}


class Found(NamedTuple):
    """What one of the two did.

    Attributes:
        score: accuracy or R^2 on data not seen.
        first: seconds of the first fit,
        rest: and of all others, on average.
        epochs: on average.
    """

    score: float
    first: float
    rest: float
    epochs: float


def folds(task: str, X: Any, y: Any, seed: int) -> Iterator[tuple[Any, Any]]:
    """The rows of training and test of each fold."""
    split = StratifiedKFold if task == "MLPClassifier" else KFold
    yield from split(FOLDS, shuffle=True, random_state=seed).split(X, y)


def on_table(name: str) -> dict[str, Found]:
    """Both on one table, fold by fold in turns."""
    task, load = TABLES[name]
    X, y = load()
    scores: dict[str, list[float]] = {"theirs": [], "ours": []}
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    epochs: dict[str, list[int]] = {"theirs": [], "ours": []}
    packages = {"theirs": neural_network, "ours": chainrule.sklearn}
    for seed in range(SEEDS):
        for train, test in folds(task, X, y, seed):
            for who, package in packages.items():
                network = getattr(package, task)(random_state=seed)
                model = make_pipeline(StandardScaler(), network)
                begun = time.process_time()
                model.fit(X[train], y[train])
                times[who].append(time.process_time() - begun)
                scores[who].append(model.score(X[test], y[test]))
                epochs[who].append(network.n_iter_)
    return {
        who: Found(
            float(np.mean(scores[who])),
            times[who][0],
            float(np.mean(times[who][1:])),
            float(np.mean(epochs[who])),
        )
        for who in packages
    }


def on_mnist(directory: str | None) -> dict[str, Found]:
    """Both on the images of MNIST, float32 from 0 to 1."""
    from chainrule.data import mnist

    images = mnist(data_dir=directory)
    assert images.test is not None
    (X, y), (X_test, y_test) = (
        (np.asarray(part.x).reshape(len(part.y), -1).astype(np.float32) / 255, np.asarray(part.y))
        for part in (images, images.test)
    )
    found = {}
    for who, package in {"ours": chainrule.sklearn, "theirs": neural_network}.items():
        model = package.MLPClassifier((100, 100), random_state=0)
        begun = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - begun
        found[who] = Found(model.score(X_test, y_test), seconds, seconds, model.n_iter_)
        click.echo(f"mnist, {who}: {found[who]}")
    return found


# --- the page -----------------------------------------------------------------------------------


def page(tables: dict[str, dict[str, Found]], mnist: dict[str, Found] | None, load: float) -> str:
    """The page that is kept."""
    about = ", ".join(f"{key} {value}" for key, value in facts().items())
    lines = [
        "# The estimators beside scikit-learn's own",
        "",
        f"`python -m bench.estimators` on {about}; one thread. {load:.1f} processes wanted to run "
        f"when it began, {load_average():.1f} when it ended, its own among them.",
        "",
        "Both with default parameters and the same random_state, after a `StandardScaler`; means "
        f"over {FOLDS} folds and {SEEDS} seeds, fitted in turns. In the first fit a network is "
        "compiled that is worth it; those after it, of the same kind, have it ready. Times are the "
        "processor's.",
        "",
        "| data | score: scikit-learn | ours | first fit: scikit-learn | ours "
        "| each other: scikit-learn | ours | times as fast |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in tables.items():
        their, our = found["theirs"], found["ours"]
        lines.append(
            f"| {name} | {their.score:.4f} | {our.score:.4f} | {told(their.first)} "
            f"| {told(our.first)} | {told(their.rest)} | {told(our.rest)} "
            f"| {their.rest / our.rest:.1f} |"
        )
    if mnist:
        lines += _images(mnist)
    return "\n".join(lines) + "\n"


def _images(mnist: dict[str, Found]) -> list[str]:
    lines = [
        "",
        "## MNIST",
        "",
        "`MLPClassifier((100, 100), random_state=0)`, 60,000 images as float32 from 0 to 1, until "
        "it stops by itself; accuracy on the 10,000 of the test.",
        "",
        "| | accuracy | epochs | time | an epoch |",
        "|---|--:|--:|--:|--:|",
    ]
    for who, label in {"theirs": "scikit-learn", "ours": "chainrule"}.items():
        one = mnist[who]
        lines.append(
            f"| {label} | {100 * one.score:.2f} % | {one.epochs:.0f} | {told(one.first)} "
            f"| {told(one.first / one.epochs)} |"
        )
    their, our = mnist["theirs"], mnist["ours"]
    an_epoch = their.first / their.epochs / (our.first / our.epochs)
    return [
        *lines,
        "",
        f"{their.first / our.first:.1f} times as fast to the end, {an_epoch:.1f} times an epoch.",
    ]


@click.command()
@click.option("--mnist/--no-mnist", "images", default=True, help="Also on MNIST.")
@click.option("--data", default=None, help="The folder of MNIST.")
@click.option("--keep/--no-keep", default=True, help="Write the page.")
def main(images: bool, data: str | None, keep: bool) -> None:
    """Measure both, and keep the figures in bench/ESTIMATORS.md."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    before = load_average()
    cr.set_num_threads(1)
    tables = {}
    with threadpool_limits(1):
        for name in TABLES:
            tables[name] = on_table(name)
            click.echo(f"{name}: {tables[name]}")
        text = page(tables, on_mnist(data) if images else None, before)
    click.echo(text)
    if keep:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
