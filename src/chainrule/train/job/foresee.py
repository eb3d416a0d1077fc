"""What a training job will take, told before it is begun (floor 4).

The step that the job would take is predicted on the first batch; so is what the network does with
the examples that choose the best weights and those that it is tested on.
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any, NamedTuple

from rich.text import Text

from chainrule.backend import threads
from chainrule.backend.devices import CPU, available
from chainrule.data import DataLoader, Examples
from chainrule.data.pairs import loader_of
from chainrule.errors import OptionError
from chainrule.explain.napkin import Machine, Napkin, napkin
from chainrule.explain.telling.words import seconds_text, size_text
from chainrule.optim.names import optimizer_of
from chainrule.train.fitting.run import History, Run
from chainrule.train.fitting.step import TapeStep
from chainrule.train.job.memory import peak_memory
from chainrule.train.job.prepare import Job

__all__ = ["Foresight", "beside", "foresee", "foreseen_at_once"]

_AT_ONCE = 1000  # examples that are measured on together


class Foresight(NamedTuple):
    """What a job will take.

    Attributes:
        training: of its steps.
        seconds: of all, with measuring.
        memory: bytes held in a step, and those of the data.
    """

    training: Napkin
    seconds: float
    memory: int

    def tell(self, console: Any) -> None:
        """Say it, and what each layer has to do with it."""
        steps, job = self.training, self.training.job
        console.print(Text(f"predicted for {steps.machine}\n\n{steps.by_layer()}"), soft_wrap=True)
        console.print()
        console.print(
            f"[bold]this will take about {_about(self.seconds)}[/bold] on this machine, and "
            f"{size_text(self.memory)}: {job.epochs:,} epochs of {job.steps:,} "
            f"{'compiled ' * job.compiled}steps, {seconds_text(steps.seconds)} each, bound by "
            f"{steps.bound}",
            soft_wrap=True,
        )
        console.print("nothing was trained, and nothing written")


def _about(seconds: float) -> str:
    """A time in two digits."""
    return seconds_text(float(f"{seconds:.2g}"))


def foresee(job: Job) -> Foresight:
    """Predict what a job will take; what is in it stays as it is.

    Args:
        job: prepared.

    Raises:
        OptionError: it is for a GPU.
    """
    if _is_on_gpu(job):
        raise OptionError(
            f"what a run takes is predicted for this processor, and not for {job.settings.device}; "
            "leave --device out, or --dry-run"
        )
    settings, (training, validation, test) = job.settings, job.parts
    loader = _loader(training, settings.batch_size * settings.accumulate)
    epochs = settings.epochs or 1
    # What a step takes does not hang on its rate, and without one all numbers stay as they are.
    optimizer = optimizer_of(
        settings.optimizer,
        job.model.parameters(),
        lr=0.0,
        weight_decay=settings.weight_decay,
    )
    run = Run(job.model, optimizer, job.task.loss, {}, epochs, epochs * len(loader))
    x, y = next(iter(loader))
    with threads.policy(settings.threads):
        at_a_time = settings.batch_size if settings.accumulate > 1 else None
        tape = TapeStep(settings.max_grad_norm or None, "auto", False, at_a_time)
        step = partial(job.step, run) if job.step else tape.foreseen(run, x, y)
        steps = napkin(step, x, y, epochs=epochs, steps=len(loader))
        seconds = steps.total + _measuring(job, test)
        if validation is not None:
            seconds += epochs * _measuring(job, validation)
    data = sum(part.x.nbytes + part.y.nbytes for part in job.parts if part is not None)
    return Foresight(steps, seconds, steps.memory.total + data)


def foreseen_at_once(job: Job) -> Foresight | None:
    """Predict what a job will take, if this machine has been measured before and is to do it.

    Args:
        job: prepared.
    """
    with threads.policy(job.settings.threads):
        known = Machine.is_known() and not _is_on_gpu(job)
    return foresee(job) if known else None


def _is_on_gpu(job: Job) -> bool:
    return available(job.settings.device) is not CPU


def beside(foreseen: Foresight | None, history: History) -> list[tuple[str, str, str]]:
    """Put what a run took beside what was predicted: name, predicted, measured.

    Args:
        foreseen: before the run; nothing gives nothing.
        history: of the run.
    """
    if foreseen is None or not len(history):
        return []
    steps, job = foreseen.training, foreseen.training.job
    epoch = median(history["seconds"][1:] or history["seconds"])  # in the first it is compiled
    found = [
        ("a step", seconds_text(steps.seconds), seconds_text(epoch / job.steps)),
        ("an epoch of training", seconds_text(steps.epoch), seconds_text(epoch)),
        ("all, with measuring", seconds_text(foreseen.seconds), seconds_text(history.seconds)),
    ]
    if peak := peak_memory():
        predicted = f"{size_text(foreseen.memory)} of data and steps"
        found.append(("memory", predicted, f"{size_text(peak)}, Python and libraries with it"))
    return found


def _loader(examples: Examples, batch_size: int) -> DataLoader:
    return loader_of((examples.x, examples.y), batch_size)


def _measuring(job: Job, examples: Examples) -> float:
    """Seconds of going through examples once, without gradients."""
    loader = _loader(examples, _AT_ONCE)
    x, _ = next(iter(loader))
    return napkin(job.model, x, steps=len(loader)).epoch
