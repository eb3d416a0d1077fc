"""`fit`: the training loop, for any module, loss, optimiser and data (floor 4)."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn, ops, optim
from chainrule.autograd import Generator, Tensor, as_tensor, no_grad
from chainrule.backend import threads
from chainrule.backend.arrays import to_host
from chainrule.backend.devices import working_on
from chainrule.backend.ranks.agreement import all_or_none
from chainrule.data import DataLoader
from chainrule.data.onto import on_device
from chainrule.data.pairs import first_targets, loader_of
from chainrule.errors import OptionError, kind_of
from chainrule.nn.parallel import DistributedDataParallel
from chainrule.nn.place import place_of
from chainrule.nn.usual import Loss, loss_of, rows_weighed
from chainrule.ops import Array
from chainrule.optim import lr_scheduler
from chainrule.optim.names import optimizer_of
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.checkpoint import Checkpoint
from chainrule.train.callbacks.progress import Progress
from chainrule.train.fitting.augment import Augment
from chainrule.train.fitting.crew import Crew, crew_of
from chainrule.train.fitting.epoch import Epoch, sees_each_step, tell
from chainrule.train.fitting.gathered import gathered
from chainrule.train.fitting.run import History, Run, Step
from chainrule.train.fitting.schedules import SCHEDULES, schedule_of
from chainrule.train.fitting.step import TapeStep
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.names import Given, metrics_of
from chainrule.train.metrics.tally import Tally

__all__ = ["SCHEDULES", "evaluate", "fit", "predict"]


def fit(
    model: nn.Module,
    data: Any,
    loss: Loss | str | None = None,
    optimizer: optim.Optimizer | str = "adam",
    *,
    epochs: int = 10,
    batch_size: int = 64,
    lr: float | None = None,
    weight_decay: float | None = None,
    schedule: str | Any = "constant",
    warmup: float = 0,
    validation: Any = None,
    metrics: Given | str | None = None,
    callbacks: Sequence[Callback] = (),
    max_grad_norm: float | None = None,
    accumulate: int = 1,
    augment: Augment | None = None,
    step: Step | None = None,
    generator: Generator | None = None,
    threads: int | None = None,
    history: History | None = None,
    compile: bool | str = "auto",
    doctor: bool = False,
    progress: bool = True,
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """Train `model` on `data`.

    Args:
        model: takes a batch of x, returns outputs. Where it is, on the processor or a GPU, is where
            it is trained: batches are brought there, the next one during the step.
        data: a pair of arrays or tensors (x, y), a `Dataset` of such pairs, or a `DataLoader`. For
            a `DistributedDataParallel` every rank gives the whole of it, in batches for all ranks,
            of which each takes its rows; so it is with `validation`.
        loss: takes outputs and targets, returns one number; or a name from `LOSSES`. By default
            cross-entropy for integer targets, mean squared error for others.
        optimizer: an optimiser, or a name from `OPTIMIZERS`.
        epochs: passes over the data.
        batch_size: examples in a step, unless `data` is a `DataLoader`.
        lr: learning rate, for an optimiser given by name.
        weight_decay: likewise.
        schedule: a name from `SCHEDULES`, or an object whose `step()` is called after each step.
        warmup: steps in which the rate goes up to its first value, or below 1 their share of all
            steps; for a schedule given by name.
        validation: further data, as `data`, to measure on after each epoch.
        metrics: what is measured besides the loss: names from `METRICS` or functions of outputs and
            targets (arrays) in a list, or a mapping of names of yours to either. Each is the figure
            of all rows of an epoch, and a function is called once with all of them. By default
            "accuracy" for integer targets, "mae" for others.
        callbacks: see `Callback`.
        max_grad_norm: scale gradients down to this norm if theirs is larger.
        accumulate: batches that make a step: they go through the network one by one and their
            gradients are added up, so that the step is that of one batch as large as all of them,
            to rounding, for a loss that is a mean over examples or a sum, also with class weights
            and ignored labels. Layers that look at a batch, as batch norms do, see the small ones.
        augment: changes each batch of x at random before its step, as `AugmentImages` does: takes
            a tensor, returns one of as many examples. Validation data are left as they are.
        step: a training step of your own, `step(run, x, y)`, that changes the weights and returns
            the loss, a number, and the outputs, an array; `run.finite(loss)`, called first, refuses
            a bad loss, and the learning rate is `run.optimizer.param_groups[0]["lr"]`. By default:
            forward, `loss`, `backward()`, a step of the optimizer.
        generator: where the order of the examples comes from; the default one if `None`.
        threads: the most processor threads to use.
        history: where to put the figures, for who may be interrupted; a new one if `None`.
        compile: record the step and replay it, quicker. "auto" does so for networks and losses of
            this library, in jobs of more than some seconds; `True` for your own too, and from the
            first step, raising a `CaptureError` where a replay would not do what the step does.
        doctor: examine network and data before the first epoch, watch the run, and say in the end
            what was not well and what to do about it; see `chainrule.explain.doctor`. The
            findings are in the history's `findings`, and with `progress` they are shown.
        progress: whether to show it.
        resume: a folder with checkpoints of the same run, broken off: it goes on from the newest
            that is whole, to the very numbers that it would have come to; see `Checkpoint`. Where
            there is none, the run begins at its beginning.

    Returns:
        The figures of every epoch.

    Raises:
        OptionError: an argument that is not what it should be, or an unknown name.
        DataError: data without examples, or whose samples are no pairs; or a checkpoint of another
            run.
        EverywhereError: several ranks that do not have the same data.
        ChainruleError: the loss is no longer a finite number.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> x = cr.linspace(-1, 1, 64).view(64, 1)
        >>> history = fit(
        ...     nn.Linear(1, 1), (x, 3 * x), lr=0.1, epochs=40, batch_size=16, progress=False
        ... )
        >>> history["loss"][-1] < 0.001
        True
    """
    together = isinstance(model, DistributedDataParallel)
    with all_or_none() if together else nullcontext():
        _at_least(epochs=epochs, batch_size=batch_size, threads=1 if threads is None else threads)
        _at_least(accumulate=accumulate)
        batches = loader_of(data, batch_size, shuffle=True, generator=generator)
        loader = gathered(batches, accumulate)
        held_out = None if validation is None else loader_of(validation, 1000)
        if held_out is not None:
            first_targets(held_out)
        optimizer = optimizer_of(optimizer, model.parameters(), lr=lr, weight_decay=weight_decay)
        targets = first_targets(loader)
        planned = schedule if isinstance(schedule, str) else ""
        if isinstance(schedule, str):
            schedule = schedule_of(schedule, optimizer, epochs * len(loader), warmup)
        elif warmup:
            raise OptionError(
                "warmup is for a schedule given by name; let yours have its own way up"
            )
        _are_parts(callbacks, schedule, augment)
        own_step = step is not None
        at_a_time = None if accumulate == 1 else batches.batch_size
        step = _step_of(step, max_grad_norm, compile, callbacks, at_a_time)
        measured = metrics_of(metrics, targets)
    crew = crew_of(model, loader, measured)
    run = Run(
        model.module if together else model,
        optimizer,
        loss_of(loss, targets),
        measured,
        epochs,
        epochs * len(loader),
        history,
    )
    run.crew = crew
    if crew is not None:
        crew.each_step = sees_each_step(callbacks)
    if progress and run.speaks:
        callbacks = (*callbacks, Progress())
    if doctor:
        callbacks = _with_doctor(callbacks, loader, held_out, own_step)
    savers = [one for one in callbacks if isinstance(one, Checkpoint)]
    callbacks = [*(one for one in callbacks if one not in savers), *savers]  # after what they save
    steps = Epoch(run, loader, callbacks, schedule, step, augment)
    with _threads(threads), working_on(place_of(model)):
        if savers or resume is not None:
            from chainrule.train.checkpointing.snapshot import Snapshots

            snapshots = Snapshots(run, steps, callbacks, planned if schedule else "")
            run.snapshot = snapshots.taken
            if resume is not None:
                with run.looking(), all_or_none() if together else nullcontext():
                    snapshots.resume(Path(resume))
        if crew is not None:
            crew.begin_alike(run, augment, loader, schedule, callbacks)
        _loop(run, steps, held_out, callbacks)
    return run.history


def _with_doctor(
    callbacks: Sequence[Callback], loader: DataLoader, held_out: DataLoader | None, own_step: bool
) -> list[Callback]:
    """Let a doctor see what the others have done, and a person what the doctor says."""
    from chainrule.train.callbacks.health import Health

    shown = [one for one in callbacks if isinstance(one, Progress)]
    others = [one for one in callbacks if not isinstance(one, Progress)]
    return [*others, Health(loader, held_out, own_step, others), *shown]


def _at_least(**counts: int) -> None:
    for name, n in counts.items():
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise OptionError(f"{name} must be a whole number of at least 1, got {n!r}")


def _are_parts(callbacks: Any, schedule: Any, augment: Any) -> None:
    listed = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    odd = [one for one in listed if listed is not callbacks or not isinstance(one, Callback)]
    if odd:
        raise OptionError(f"callbacks must be a list of Callback objects, got {kind_of(odd[0])}")
    if augment is not None and not callable(augment):
        raise OptionError(f"augment must be a function of a batch of x, got {kind_of(augment)}")
    if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
        raise OptionError(
            "ReduceLROnPlateau steps by a figure and not by the batch; call its step() in the "
            "on_epoch_end of a callback"
        )
    if isinstance(schedule, type) or not (schedule is None or hasattr(schedule, "step")):
        raise OptionError(
            f"schedule must be a name or an object with a method step(), got {kind_of(schedule)}"
        )


def _threads(n: int | None) -> Any:
    return threads.policy(n)


@ops.quiet
def _loop(
    run: Run, steps: Epoch, held_out: DataLoader | None, callbacks: Sequence[Callback]
) -> None:
    try:
        begun = time.perf_counter()
        with run.looking():
            tell(run, "on_fit_start", callbacks)
        steps.start()
        run.started += time.perf_counter() - begun
        while steps.within or (run.epoch < run.epochs and not run.stopped):
            _epoch(run, steps, held_out, callbacks)
    except KeyboardInterrupt:
        run.stop("interrupted")
        raise
    finally:
        run.history.stopped = run.stopped
        run.history.seconds = time.perf_counter() - run.started
        run.network.eval()
        tell(run, "on_fit_end", callbacks)


def _epoch(
    run: Run, steps: Epoch, held_out: DataLoader | None, callbacks: Sequence[Callback]
) -> None:
    if not steps.within:  # as an epoch is that a resumed run goes on with
        run.begin_epoch()
        steps.begin()
        tell(run, "on_epoch_start", callbacks)
    run.network.train()
    steps.take_steps()
    tell(run, "on_epoch_trained", callbacks)
    figures = run.figures()
    if held_out is not None:
        figures |= {f"validation_{k}": v for k, v in _measured(run, held_out).items()}
    run.end_epoch(figures)
    steps.end()
    with run.looking():
        tell(run, "on_epoch_end", callbacks)
    if run.crew is not None:
        run.crew.agree(run)


def _step_of(
    own: Step | None,
    max_grad_norm: float | None,
    compile: bool | str,
    callbacks: Sequence[Callback],
    at_a_time: int | None,
) -> Step:
    """A person's own step, or that of the tape."""
    if own is None:
        return TapeStep(max_grad_norm, compile, sees_each_step(callbacks), at_a_time)
    if not callable(own):
        raise OptionError(f"step must be a function of run, x and y, got {kind_of(own)}")
    if compile is True:
        raise OptionError("compile=True does not apply to a step of your own; compile it yourself")
    if max_grad_norm is not None:
        raise OptionError("max_grad_norm does not apply to a step of your own; clip in the step")
    if at_a_time is not None:
        raise OptionError("accumulate does not apply to a step of your own; do so in the step")
    return own


def _measured(run: Run, loader: DataLoader) -> dict[str, Any]:
    return _figures(run.model, loader, run.loss, run.metrics, run.crew)


def _outputs(model: nn.Module, batches: Iterator[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs and targets of every batch, the model in eval mode meanwhile."""
    training = model.training
    model.eval()
    try:
        with no_grad():
            for x, y in on_device(batches, place_of(model)):
                yield model(x), y
    finally:
        model.train(training)


def _figures(
    model: nn.Module,
    loader: DataLoader,
    loss: Loss,
    metrics: Mapping[str, Metric],
    crew: Crew | None = None,
) -> dict[str, Any]:
    total, count, tally = 0.0, 0.0, Tally(metrics)
    batches = iter(loader)
    parts: deque[float] = deque()
    if crew is not None:
        batches = _own_parts(crew, batches, loss, parts)
    for outputs, y in _outputs(model, batches):
        counted = _counted(loss, y)
        part = parts.popleft() if parts else counted
        total += loss(outputs, y).item() * part if counted else 0.0  # where none counts it is NaN
        count += counted
        tally.add(to_host(outputs.array), to_host(y.array))
    if crew is not None:
        total, count = crew.put_together(total, count, tally)
    return {"loss": total / count if count else math.nan, **tally.figures()}


def _counted(loss: Loss, y: Tensor) -> float:
    """How many rows the loss of a batch is the mean of, by their weights if they have any."""
    weighed = rows_weighed(loss, y.array)
    return len(y) if weighed is None else float(weighed.sum())


def _own_parts(
    crew: Crew, batches: Iterator[Any], loss: Loss, parts: deque[float]
) -> Iterator[Any]:
    """This rank's rows of batches, where it has any; and for how many its loss stands."""
    for x, y in batches:
        own = crew.part((x, y))
        part = crew.part_in(loss, y, in_step=False) * _counted(loss, y)
        if len(own[1]):
            parts.append(part)
            yield own


@ops.quiet
def evaluate(
    model: nn.Module,
    data: Any,
    loss: Loss | str | None = None,
    *,
    metrics: Given | str | None = None,
    batch_size: int = 1000,
) -> dict[str, Any]:
    """Return loss and metrics of `model` on `data`, changing nothing.

    Args:
        model: as in `fit`.
        data: as in `fit`.
        loss: as in `fit`.
        metrics: as in `fit`.
        batch_size: how many examples at a time.

    Examples:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> data = np.eye(2, dtype=np.float32), np.array([0, 0])
        >>> evaluate(nn.Identity(), data)["accuracy"]
        0.5
        >>> evaluate(nn.Identity(), data, metrics=["recall_macro", "confusion"])["confusion"]
        array([[1, 1],
               [0, 0]])
    """
    loader = loader_of(data, batch_size)
    targets = first_targets(loader)
    with working_on(place_of(model)):
        return _figures(
            model,
            loader,
            loss_of(loss, targets),
            metrics_of(metrics, targets),
        )


@ops.quiet
def predict(model: nn.Module, x: Any, batch_size: int = 1000) -> Array:
    """Return the outputs of `model` for every row of `x`, changing nothing.

    Args:
        model: any module.
        x: array or tensor, (N, ...).
        batch_size: how many rows at a time.

    Returns:
        An array (N, ...).

    Examples:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> predict(nn.Softmax(), np.zeros((3, 2), dtype=np.float32)).shape
        (3, 2)
    """
    _at_least(batch_size=batch_size)
    rows = as_tensor(x).array
    starts = range(0, max(len(rows), 1), batch_size)
    batches = ((as_tensor(rows[i : i + batch_size]), None) for i in starts)
    with working_on(place_of(model)):
        return np.concatenate([to_host(y.array) for y, _ in _outputs(model, batches)])
