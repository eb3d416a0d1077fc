"""Training seen: a bar with loss, accuracy, speed and time left; a line for each epoch (floor 4).

In a terminal a bar moves; elsewhere (a file, a pipe) there are only the lines. Of more metrics than
a line has room for the lines become a table, its columns under the names.
"""

from __future__ import annotations

import time
from typing import Any

from chainrule.train.callbacks.callback import Callback
from chainrule.train.fitting.run import Run

__all__ = ["Progress", "format_seconds"]

# Metrics that are told by name in a line, and in the bar.
_MOST_NAMED = 2

_NO_FIGURES = ("epoch", "seconds", "learning_rate", "examples_per_second")


def format_seconds(seconds: float) -> str:
    """Return a time as a person says it.

    Examples:
        >>> format_seconds(0.25), format_seconds(75), format_seconds(7260)
        ('0.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _shown(name: str, value: float) -> str:
    if name.endswith(("accuracy", "r2")):
        return f"{100 * value:.1f} %"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"


class Progress(Callback):
    """A progress bar for the run, and a line for each epoch.

    Args:
        console: where to write; standard output if `None`.
        lines: at most about this many epochs get a line.
    """

    each_step = False

    def __init__(self, console: Any = None, lines: int = 20) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False, emoji=False)
        self.lines = lines
        self._bar: Any = None
        self._task: Any = None
        self._drawn = 0.0
        self._has_names = False  # whether the names above the columns have been written

    def _say(self, run: Run) -> None:
        """Write what the person is to know."""
        for notice in run.notices:
            self.console.print(notice, soft_wrap=True, markup=False)
        run.notices.clear()

    def on_fit_start(self, run: Run) -> None:
        """Show the bar."""
        self._has_names = False
        self._say(run)
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        whole = Column(no_wrap=True, min_width=14)
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}", table_column=whole),
            TextColumn("{task.fields[figures]}", markup=False),
            console=self.console,
            transient=True,
            auto_refresh=False,
            disable=not self.console.is_terminal,
        )
        self._bar.start()
        self._task = self._bar.add_task(
            "training", total=run.total_steps, epoch=f"1/{run.epochs}", figures="", left=""
        )

    def on_step_end(self, run: Run) -> None:
        """Move the bar, at most ten times a second."""
        if time.perf_counter() - self._drawn >= 0.1:
            self._draw(run)

    def _draw(self, run: Run) -> None:
        now = self._drawn = time.perf_counter()
        rate = run.seen / max(now - run.started, 1e-9)
        ahead = max(run.total_steps - run.step, 0) * (now - run.started) / max(run.step, 1)
        named = list(run.running().items())[: 1 + _MOST_NAMED]
        figures = "  ".join(f"{k} {_shown(k, v)}" for k, v in named)
        self._bar.update(
            self._task,
            completed=run.step,
            epoch=f"{run.epoch}/{run.epochs}",
            figures=f"{figures}  {rate:,.0f} examples/s",
            left=f"{format_seconds(ahead)} left",
        )
        self._bar.refresh()

    def on_epoch_end(self, run: Run) -> None:
        """Write the epoch's figures, and what else there is to say."""
        self._line(run)
        self._say(run)

    def _line(self, run: Run) -> None:
        every = -(-run.epochs // self.lines)
        if run.epoch % every and run.epoch not in (1, run.epochs) and not run.stopped:
            return
        self._draw(run)
        row = run.history.rows[-1]
        figures = {k: v for k, v in row.items() if k not in _NO_FIGURES}
        epoch = f"epoch {run.epoch:>{len(str(run.epochs))}}/{run.epochs}"
        speed = f"{row['examples_per_second']:,.0f} examples/s"
        if len(run.metrics) > _MOST_NAMED:
            self._rows(figures, epoch, speed)
            return
        told = (f"{name.replace('_', ' ')} {_shown(name, v)}" for name, v in figures.items())
        self._print("  ".join((epoch, *told, speed)))

    def _rows(self, figures: dict[str, float], epoch: str, speed: str) -> None:
        """Write the figures under their names, those of validation below those of training."""
        names = dict.fromkeys(name.removeprefix("validation_") for name in figures)
        widths = {name: max(len(name), 8) for name in names}
        first = max(len(epoch), len("validation"))

        def line(start: str, values: dict[str, str]) -> str:
            cells = (f"{values.get(name, ''):>{width}}" for name, width in widths.items())
            return "  ".join((f"{start:<{first}}", *cells))

        if not self._has_names:
            self._print(line("", {name: name.replace("_", " ") for name in names}))
            self._has_names = True
        shown = {name: _shown(name, value) for name, value in figures.items()}
        self._print(f"{line(epoch, shown)}  {speed}")
        held_out = {n: shown[f"validation_{n}"] for n in names if f"validation_{n}" in shown}
        if held_out:
            self._print(line("validation", held_out).rstrip())

    def _print(self, text: str) -> None:
        self._bar.console.print(text, soft_wrap=True, markup=False)

    def on_fit_end(self, run: Run) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        self._say(run)
