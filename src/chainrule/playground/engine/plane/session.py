"""A network on points of a plane: the session (floor 5)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from chainrule.errors import DataError
from chainrule.playground.engine.plane.csvfile import Table, read_table
from chainrule.playground.engine.plane.data import KEYS, PlaneData, plane_data
from chainrule.playground.engine.plane.files import data_file, model_file, picture
from chainrule.playground.engine.plane.formulas import formulas
from chainrule.playground.engine.plane.frames import Frames
from chainrule.playground.engine.plane.graph import graph
from chainrule.playground.engine.plane.kinds import kinds
from chainrule.playground.engine.plane.look import look
from chainrule.playground.engine.plane.script import script_of
from chainrule.playground.engine.plane.settings import SETTINGS
from chainrule.playground.engine.plane.training import Moment, Training
from chainrule.playground.engine.session import Download, Session
from chainrule.playground.engine.settings import Setting

__all__ = ["Plane"]


class _State(NamedTuple):
    """What undo brings back."""

    training: Training
    frames: Frames
    moment: Moment
    table: Table | None
    data: PlaneData | None
    data_of: Any

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self.moment.nbytes


class Plane(Session):
    """A network on points of a plane.

    Args:
        settings: see `SETTINGS`.

    Examples:
        >>> plane = Plane(data="xor", layers=[4])
        >>> plane.advance(0.0, most=3)
        1
        >>> plane.frame()["steps"]
        1
    """

    SETTINGS: ClassVar[Mapping[str, Setting]] = SETTINGS
    QUESTIONS: ClassVar[Mapping[str, str]] = {
        "data": "_data_shown",
        "kinds": "_kinds",
        "look": "_look",
        "formulas": "_formulas",
        "graph": "_graph",
    }
    DOWNLOADS: ClassVar[Mapping[str, str]] = {
        "script": "_script",
        "model": "_model",
        "data": "_points_file",
        "picture": "_picture",
    }

    _table: Table | None = None  # that was taken in last,
    _table_used: Table | None = None  # and that was there when the run began
    _data: PlaneData | None = None
    _data_of: Any = None  # what the points were made of
    _versions = 0

    def _begin(self) -> None:
        self._table_used = self._table
        self._training = Training(self.settings, self._points())
        self._frames = Frames(self._training)

    def _points(self) -> PlaneData:
        """The points, the same as before where nothing about them has changed."""
        made_of = [self._table, *(self.settings[key] for key in KEYS)]
        if self._data is None or made_of != self._data_of:
            data = plane_data(self.settings, self._table, self._versions + 1)
            self._versions += 1
            self._data, self._data_of = data, made_of
        return self._data

    def _state(self) -> _State:
        run = self._training, self._frames, self._training.moment()
        return _State(*run, self._table_used, self._data, self._data_of)

    def _restore(self, state: _State) -> None:
        self._training, self._frames = state.training, state.frames
        self._table = self._table_used = state.table
        self._data, self._data_of = state.data, state.data_of
        self._training.return_to(state.moment)

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
            DataError: there are no points, or the loss is no finite number any more.
        """
        if self._training.data.note:
            raise DataError(self._training.data.note)
        begun, doctor = time.perf_counter(), self._training.doctor
        try:
            taken = self._training.advance(until, most)
        except DataError:
            doctor.broke()
            raise
        doctor.visit(time.perf_counter() - begun)
        return taken

    def frame(self) -> dict[str, Any]:
        """Return everything that moves, as plain values and arrays."""
        return {**self._frames.make(), "finding": self._training.doctor.finding}

    def take(self, name: str, content: bytes) -> None:
        """Take in a CSV file; `undo` takes it back.

        Args:
            name: of the file.
            content: its bytes.

        Raises:
            DataError: it cannot be read, is too large, or has no two columns of numbers.
        """
        self._table = read_table(name, content)
        if self.settings["data"] == "csv":
            self.restart()
        else:
            self.change(data="csv")

    def _data_shown(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return self._training.data.plain()

    def _kinds(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return kinds()

    def _look(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return look(self._training.subject, values)

    def _formulas(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return formulas(self._training.subject, values)

    def _graph(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return graph(self._training.subject, values)

    def _script(self) -> Download:
        text = script_of(self.settings, self._training)
        return Download("plane.py", "text/x-python", text.encode())

    def _model(self) -> Download:
        return model_file(self._training)

    def _points_file(self) -> Download:
        return data_file(self._training)

    def _picture(self) -> Download:
        return picture(self._training)
