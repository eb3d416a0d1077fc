"""MNIST through the main job: what a person gets with `chainrule train mnist`."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from chainrule.data import Examples, mnist
from chainrule.errors import ChainruleError
from chainrule.train.job.job import run_job
from chainrule.train.job.outcome import Settings

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def examples() -> Examples:
    try:
        return mnist(SHARED)
    except ChainruleError as error:
        pytest.skip(f"MNIST is not here: {error}")


def accuracy(examples: Examples, settings: Settings, folder: Path) -> float:
    console = Console(file=io.StringIO())
    outcome = run_job(examples, settings, folder, info={}, console=console, command="")
    return outcome.figures["accuracy"]


def test_an_mlp_reads_97_5_percent_within_five_epochs(examples: Examples, tmp_path: Path) -> None:
    settings = Settings(model="mlp", hidden=(128,), epochs=5)
    assert accuracy(examples, settings, tmp_path / "run") >= 0.975


@pytest.mark.slow
def test_a_convolutional_network_reads_99_percent(examples: Examples, tmp_path: Path) -> None:
    assert accuracy(examples, Settings(model="cnn", epochs=4), tmp_path / "run") >= 0.990
