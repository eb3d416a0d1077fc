"""A session: an experiment to be set, trained a little, looked at, asked, undone (floor 5).

What every page's engine has in common. It is used from one thread at a time, and knows no page: in
Python and in tests it is an object like any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from chainrule.errors import OptionError, did_you_mean
from chainrule.playground.engine.settings import Setting, settle

__all__ = ["Download", "Session"]

_UNDO = 100  # changes that can be taken back
_KEPT = 2**28  # bytes of what training had made before them; the latest is kept whatever it takes


class Download(NamedTuple):
    """A file to be had.

    Attributes:
        name: of the file.
        kind: its MIME type.
        content: its bytes.
    """

    name: str
    kind: str
    content: bytes


class _Moment(NamedTuple):
    """What undo brings back."""

    settings: dict[str, Any]
    state: Any


class Session(ABC):
    """One experiment.

    Args:
        settings: of the table `SETTINGS`, by name; what is left out is as usual.

    Attributes:
        settings: the value of every setting.
        resting: whether nothing is being trained, so that a frame may take longer and is to be of
            now in all its parts.

    Raises:
        OptionError: there is no such setting, or it cannot be that.
    """

    SETTINGS: ClassVar[Mapping[str, Setting]]
    # What can be asked, and what can be had as a file: names, and the methods that answer.
    QUESTIONS: ClassVar[Mapping[str, str]] = {}
    DOWNLOADS: ClassVar[Mapping[str, str]] = {}
    trains: ClassVar[bool] = True
    resting: bool = True

    def __init__(self, **settings: Any) -> None:
        self.settings = settle(self.SETTINGS, settings)
        self._past: deque[_Moment] = deque(maxlen=_UNDO)
        self._future: list[_Moment] = []
        self._latest: set[str] = set()  # what the last change was of, if that was the last deed
        self._begin()

    # --- what a kind of experiment provides -----------------------------------------------------

    @abstractmethod
    def _begin(self) -> None:
        """Make everything anew from the settings."""

    @abstractmethod
    def _state(self) -> Any:
        """Return what training has made, so that `_restore` can bring it back.

        What is large says in `nbytes` how large it is.
        """

    @abstractmethod
    def _restore(self, state: Any) -> None:
        """Bring back what `_state` returned; the settings are those of then."""

    def _go_on(self, changed: set[str]) -> None:
        """Go on training under new values of live settings; by default from the beginning.

        Args:
            changed: their names.
        """
        self._begin()

    def advance(self, until: float, most: int | None = None) -> int:
        """Train until a moment, by a step at least.

        Args:
            until: the moment, by `time.perf_counter()`.
            most: steps at most; any number if `None`.

        Returns:
            The steps that were taken; 0 where there is nothing to train.
        """
        return 0

    @abstractmethod
    def frame(self) -> dict[str, Any]:
        """Return everything that moves, as plain values and arrays."""

    # --- what all have --------------------------------------------------------------------------

    def change(self, **given: Any) -> None:
        """Set something; `undo` takes it back.

        Args:
            given: new values of settings.

        Raises:
            OptionError: there is no such setting, or it cannot be that. Nothing is changed then.
        """
        self._set(given, joins=False)

    def adjust(self, **given: Any) -> None:
        """Set something again; `undo` takes it back together with the change before.

        So it is where the change before, and nothing since, was of the same settings, as while a
        slider is dragged; otherwise this is a change of its own.

        Args:
            given: new values of settings.

        Raises:
            OptionError: there is no such setting, or it cannot be that. Nothing is changed then.
        """
        self._set(given, joins=True)

    def _set(self, given: Mapping[str, Any], joins: bool) -> None:
        before, after = self.settings, settle(self.SETTINGS, given, self.settings)
        changed = {name for name in after if after[name] != before[name]}
        joins = joins and self._latest == set(given)
        self._latest = set(given) if changed or joins else set()
        if not changed:
            return
        moment = _Moment(before, self._state())
        self.settings = after
        try:
            if all(self.SETTINGS[name].live for name in changed):
                self._go_on(changed)
            else:
                self._begin()
        except Exception:
            self._return_to(moment)
            raise
        if joins:
            self._future.clear()
        else:
            self._remember(moment)

    def restart(self) -> None:
        """Begin anew under the same settings; `undo` takes it back."""
        self._remember(_Moment(self.settings, self._state()))
        self._latest = set()
        self._begin()

    def _remember(self, moment: _Moment) -> None:
        """Keep a moment to go back to, and forget the oldest where they take too much memory."""
        self._past.append(moment)
        self._future.clear()
        sizes = [int(getattr(one.state, "nbytes", 0)) for one in self._past]
        while len(self._past) > 1 and sum(sizes[-len(self._past) :]) > _KEPT:
            self._past.popleft()

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change that was taken back."""
        return bool(self._future)

    def undo(self) -> bool:
        """Take the last change back, and what was trained since; whether there was one."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Make a change again that was taken back; whether there was one."""
        return self._travel(self._future, self._past)

    def _travel(self, there: deque[_Moment] | list[_Moment], back: Any) -> bool:
        if not there:
            return False
        self._latest = set()
        back.append(_Moment(self.settings, self._state()))
        self._return_to(there.pop())
        return True

    def _return_to(self, moment: _Moment) -> None:
        self.settings = moment.settings
        self._restore(moment.state)

    def ask(self, question: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question about the experiment as it is now.

        Args:
            question: a name of `QUESTIONS`.
            values: what it is about, plain JSON.

        Raises:
            OptionError: there is no such question, or it cannot be about that.
        """
        method: Callable[..., dict[str, Any]] = self._named(self.QUESTIONS, "question", question)
        return method(values)

    def download(self, name: str) -> Download:
        """Return a file of the experiment as it is now.

        Args:
            name: of `DOWNLOADS`.

        Raises:
            OptionError: there is no such file.
        """
        method: Callable[[], Download] = self._named(self.DOWNLOADS, "file", name)
        return method()

    def take(self, name: str, content: bytes) -> None:
        """Take in a file that a person brought; `undo` takes it back.

        Args:
            name: as the person called it.
            content: its bytes.

        Raises:
            OptionError: this kind of experiment takes none.
            DataError: it cannot be read.
        """
        raise OptionError("this page takes no files")

    def _named(self, table: Mapping[str, str], kind: str, name: str) -> Any:
        if name not in table:
            raise OptionError(
                f"there is no {kind} {name[:40]!r}; there are {', '.join(table) or 'none'}"
                f"{did_you_mean(name[:40], table)}"
            )
        return getattr(self, table[name])
