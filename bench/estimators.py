"""The estimators beside scikit-learn's own: scores and times, in one run.

`python -m bench.estimators` writes what it found to `bench/ESTIMATORS.md`. Both are given the same
data, the same parameters (the default ones) and the same random_state, in turns, with one thread
and with as many as there are cores. The files of MNIST are looked for where `chainrule.data.mnist`
looks for them.
"""

from __future__ import annotations

import os
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
                begun = time.perf_counter()
                model.fit(X[train], y[train])
                times[who].append(time.perf_counter() - begun)
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
        begun = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - begun
        found[who] = Found(model.score(X_test, y_test), seconds, seconds, model.n_iter_)
        click.echo(f"mnist, {who}: {found[who]}")
    return found


# --- the page -----------------------------------------------------------------------------------


class Round(NamedTuple):
    """What was found with a number of threads.

    Attributes:
        threads: how many.
        tables: both on each table.
        mnist: both on the images.
    """

    threads: int
    tables: dict[str, dict[str, Found]]
    mnist: dict[str, Found] | None


def page(rounds: list[Round], load: float) -> str:
    """The page that is kept."""
    about = ", ".join(f"{key} {value}" for key, value in facts().items())
    lines = [
        "# The estimators beside scikit-learn's own",
        "",
        f"`python -m bench.estimators` on {about}. {load:.1f} processes wanted to run when it "
        f"began, {load_average():.1f} when it ended, its own among them.",
        "",
        "Both with default parameters and the same random_state, after a `StandardScaler`; means "
        f"over {FOLDS} folds and {SEEDS} seeds, fitted in turns. In the first fit a network is "
        "compiled that is worth it; those after it, of the same kind, have it ready.",
        "",
        "| data | threads | score: scikit-learn | ours | first fit: scikit-learn | ours "
        "| each other: scikit-learn | ours | times as fast |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in TABLES:
        for one in rounds:
            their, our = one.tables[name]["theirs"], one.tables[name]["ours"]
            lines.append(
                f"| {name} | {one.threads} | {their.score:.4f} | {our.score:.4f} "
                f"| {told(their.first)} | {told(our.first)} | {told(their.rest)} "
                f"| {told(our.rest)} | {their.rest / our.rest:.1f} |"
            )
    if rounds[0].mnist:
        lines += _images(rounds)
    return "\n".join(lines) + "\n"


def _images(rounds: list[Round]) -> list[str]:
    lines = [
        "",
        "## MNIST",
        "",
        "`MLPClassifier((100, 100), random_state=0)`, 60,000 images as float32 from 0 to 1, until "
        "it stops by itself; accuracy on the 10,000 of the test.",
        "",
        "| | threads | accuracy | epochs | time | an epoch | times as fast |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in rounds:
        assert one.mnist is not None
        for who, label in {"theirs": "scikit-learn", "ours": "chainrule"}.items():
            found = one.mnist[who]
            times = one.mnist["theirs"].first / found.first
            lines.append(
                f"| {label} | {one.threads} | {100 * found.score:.2f} % | {found.epochs:.0f} "
                f"| {told(found.first)} | {told(found.first / found.epochs)} | {times:.1f} |"
            )
    return lines


@click.command()
@click.option("--mnist/--no-mnist", "images", default=True, help="Also on MNIST.")
@click.option("--data", default=None, help="The folder of MNIST.")
@click.option("--keep/--no-keep", default=True, help="Write the page.")
def main(images: bool, data: str | None, keep: bool) -> None:
    """Measure both, and keep the figures in bench/ESTIMATORS.md."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    before, rounds = load_average(), []
    for threads in sorted({1, os.cpu_count() or 1}):
        cr.set_num_threads(threads)
        tables = {}
        with threadpool_limits(threads):
            for name in TABLES:
                tables[name] = on_table(name)
                click.echo(f"{name}, {threads} threads: {tables[name]}")
            rounds.append(Round(threads, tables, on_mnist(data) if images else None))
    text = page(rounds, before)
    click.echo(text)
    if keep:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
