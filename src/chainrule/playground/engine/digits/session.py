"""A network that reads digits: the session (floor 5)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from chainrule.playground.engine.digits import reading
from chainrule.playground.engine.digits.data import digital
from chainrule.playground.engine.digits.exports import model_file, picture_of
from chainrule.playground.engine.digits.figures import Figures, Judge
from chainrule.playground.engine.digits.network import check_size
from chainrule.playground.engine.digits.script import script_of
from chainrule.playground.engine.digits.settings import SETTINGS
from chainrule.playground.engine.digits.training import Moment, Training
from chainrule.playground.engine.session import Download, Session
from chainrule.playground.engine.settings import Setting
from chainrule.playground.engine.training.curve import Curve

__all__ = ["Digits"]

_SHARE = 0.03  # of the time, for figures
_OFTEN, _SELDOM = 0.1, 2.0  # seconds between two of them, at least and at most


class _State(NamedTuple):
    """What undo brings back."""

    moment: Moment
    judge: Judge
    curve: Any
    figures: tuple[int, Figures] | None

    @property
    def nbytes(self) -> int:
        """Memory that it keeps."""
        return self.moment.nbytes


class Digits(Session):
    """A network that learns to read digits, and then reads what is drawn.

    Args:
        settings: of the table `SETTINGS`, by name.

    Raises:
        OptionError: there is no such setting, it cannot be that, or the network is too large.
        DataError: the digits are not on this machine and cannot be had.

    Examples:
        >>> session = Digits(layers=[32], seed=1)
        >>> session.advance(time.perf_counter() + 60, most=450)
        450
        >>> session.frame()["score"]["test"] > 0.9
        True
        >>> answer = session.ask("read", {"strokes": [[[0.5, 0.2], [0.5, 0.8]]]})
        >>> int(answer["probabilities"].argmax())
        1
    """

    SETTINGS: ClassVar[Mapping[str, Setting]] = SETTINGS
    QUESTIONS: ClassVar[Mapping[str, str]] = {
        "read": "_read",
        "slide": "_slide",
        "unit": "_unit",
    }
    DOWNLOADS: ClassVar[Mapping[str, str]] = {
        "script": "_script",
        "model": "_model",
        "picture": "_picture",
    }

    def _begin(self) -> None:
        data = digital(self.settings["data"])
        check_size(self.settings, data.shape)
        self._data = data
        self._training = Training(self.settings, data)
        self._judge = Judge(self._training.network, data)
        self._curve = Curve(("train", "test", "score_train", "score_test"))
        self._due = 0.0
        self._figures: tuple[int, Figures] | None = None

    def _state(self) -> _State:
        return _State(self._training.moment(), self._judge, self._curve.state(), self._figures)

    def _restore(self, state: _State) -> None:
        self._data = digital(self.settings["data"])
        self._training, self._judge = state.moment.training, state.judge
        self._training.go_back(state.moment)
        self._curve.restore(state.curve)
        self._figures, self._due = state.figures, 0.0

    def _go_on(self, changed: set[str]) -> None:
        self._training.go_on(self.settings, changed)

    def advance(self, until: float, most: int | None = None) -> int:
        """Train until a moment, by a step at least.

        Args:
            until: the moment, by `time.perf_counter()`.
            most: steps at most; any number if `None`.

        Returns:
            The steps that were taken.

        Raises:
            DataError: the loss is no finite number any more.
        """
        return self._training.advance(until, most)

    def frame(self) -> dict[str, Any]:
        """Return everything that moves, as plain values and arrays.

        While it trains, figures are made now and then, and are those of the latest time; at rest
        they are of now.
        """
        training, data = self._training, self._data
        if self.resting or time.perf_counter() >= self._due or self._figures is None:
            self._look()
        assert self._figures is not None
        figures = self._figures[1]
        wrong = figures.wrong
        return {
            "steps": training.steps,
            "epoch": training.epoch,
            "epoch_steps": training.epoch_steps,
            "params": training.network.weights,
            "shape": list(data.shape),
            "train_rows": len(data.train),
            "test_rows": len(data.test),
            "loss": {"train": figures.loss[0], "test": figures.loss[1]},
            "score": {
                "name": "accuracy",
                "train": figures.accuracy[0],
                "test": figures.accuracy[1],
            },
            "curve": self._curve.plain(),
            "confusion": figures.confusion,
            "weights": reading.first_weights(training.network, data.shape),
            "mistakes": {
                "images": wrong.images,
                "truth": wrong.truth,
                "said": wrong.said,
                "chance": wrong.chance,
                "rows": wrong.rows,
            },
            "finding": training.doctor.finding,
        }

    def _look(self) -> tuple[int, Figures]:
        """Make figures, unless those that are there are of now."""
        steps = self._training.steps
        if self._figures is not None and self._figures[0] == steps:
            return self._figures
        begun = time.perf_counter()
        figures = self._judge.judge()
        cost = time.perf_counter() - begun
        self._due = time.perf_counter() + min(max(cost / _SHARE, _OFTEN), _SELDOM)
        self._figures = steps, figures
        self._training.doctor.figures(self._training.epoch, *figures.loss)
        self._curve.add(
            self._training.epoch,
            train=figures.loss[0],
            test=figures.loss[1],
            score_train=figures.accuracy[0],
            score_test=figures.accuracy[1],
        )
        return self._figures

    # --- questions ------------------------------------------------------------------------------

    def _read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return reading.read(self._training.network, self._data, values)

    def _slide(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return reading.slide(self._training.network, self._data, values)

    def _unit(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return reading.unit(self._training.network, self._data, values)

    # --- files ----------------------------------------------------------------------------------

    def _script(self) -> Download:
        text = script_of(self.settings, self._training, len(self._data.train))
        return Download("digits.py", "text/x-python", text.encode())

    def _model(self) -> Download:
        steps, (height, width) = self._training.steps, self._data.shape
        about = {"data": self._data.train.name, "steps": steps, "image": [1, height, width]}
        return model_file(self._training.network, about)

    def _picture(self) -> Download:
        self._look()
        height, width = self._data.shape
        title = f"Digits of {height}x{width}, {self._training.steps:,} steps"
        return picture_of(self._curve.plain(), title)
