"""`compile`: a step of a person's own training loop, recorded and replayed (floor 4)."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from chainrule.autograd import is_grad_enabled
from chainrule.backend.dtypes import get_default_dtype
from chainrule.errors import CaptureError, OptionError
from chainrule.explain.runs.undo import undone
from chainrule.nn.module import Module
from chainrule.ops import Array
from chainrule.ops.core import SETTINGS, listen
from chainrule.plan.costs import Part
from chainrule.plan.many import Table
from chainrule.plan.program import Program
from chainrule.train.compiling.capture import Leaves
from chainrule.train.compiling.executor import Maker, maker
from chainrule.train.compiling.kinds import Kinds
from chainrule.train.compiling.profile import Profile
from chainrule.train.compiling.recording import Many, Plan, Recording, Signature, is_recording
from chainrule.train.compiling.structure import (
    joined,
    take_apart,
    wants_gradient,
    with_history,
    without_history,
)
from chainrule.train.fitting.feed import Feed, single

__all__ = ["Compiled", "compile"]

# In place of the count of settings: before the first call, and where it was another.
_NEVER, _UNSETTLED = -1, -2

# How often a step is tried for what two equal recordings should do.
_REHEARSALS = 6

# What `torch.compile` can be told.
_PYTORCH = {"fullgraph", "dynamic", "backend", "mode", "options", "disable"}


def compile(
    step: Any = None,
    *,
    strict: bool = True,
    keep_gradients: bool = False,
    executor: str = "auto",
    **pytorch: Any,
) -> Any:
    """Return `step` as a function that does the same, and after three calls does it quicker.

    The first call runs as it is. The next two are recorded, held against each other, and count as
    steps like any other. From then on the recording is replayed, and Python does not go through
    `step` any more. Arguments of another shape or dtype, another mode of a module (`eval()`), other
    plain arguments (numbers, strings) are recorded anew; the latest 16 kinds are kept. So is the
    step when anything else that your code was seen to read in Python has changed: names,
    attributes, what is in lists. What changes in every step has to be in a tensor: what is random,
    state of optimisers and learning rates are. Iterators, clocks, files and other random numbers
    belong outside of the step.

    Results are tensors without history. A parameter that the step changes has no gradient left
    afterwards, if the step begins with `zero_grad()`; other gradients are left in `.grad`.

    Args:
        step: takes tensors, arrays, plain values or nested lists, tuples and dictionaries of them;
            returns such. It may call `backward()` and the `step()` of an optimizer. A module is one
            too: its calls inside `no_grad()` are recorded, the others run as they are, and what
            it has is there as before. Without a step, `compile` decorates one.
        strict: raise a `CaptureError` where a replay would not do what the step does; if not, warn
            once and go on without a recording.
        keep_gradients: leave every gradient in `.grad`.
        executor: "numpy" replays with NumPy, and gives what the step gives to the last bit;
            "native" compiles to machine code, and gives it to rounding; "cuda" writes kernels for
            a GPU, and captures the step as a graph; "auto" is the last for a step on a GPU, else
            the second where it can be had.
        pytorch: `fullgraph`, `dynamic`, `backend`, `mode`, `options` and `disable`, as programs for
            PyTorch give them, and without effect.

    Returns:
        The function. `print` shows what was recorded, of machine code how many threads share each
        product (as many as `set_num_threads` allows where that is worth their while), and how long
        each part should take at the machine's limits; its `profile(...)` measures that.

    Raises:
        OptionError: `step` cannot be called, or there is no such executor.
        MissingExtraError: "native" was asked for and llvmlite is not installed.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> w = cr.zeros(2, requires_grad=True)
        >>> optimizer = optim.SGD([w], lr=0.1)
        >>> def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = ((x @ w - y) ** 2).mean()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> quick = compile(step)
        >>> x, y = cr.tensor([[1.0, 0.0], [0.0, 1.0]]), cr.tensor([1.0, 2.0])
        >>> losses = [quick(x, y).item() for _ in range(100)]
        >>> losses[0], losses[-1] < 1e-8
        (2.5, True)
    """
    if pytorch.keys() - _PYTORCH:
        raise TypeError(f"compile has no option {min(pytorch.keys() - _PYTORCH)!r}")
    if step is None:
        return partial(compile, strict=strict, keep_gradients=keep_gradients, executor=executor)
    if not callable(step):
        raise OptionError(f"compile takes a function, got {type(step).__name__}")
    return Compiled(step, strict, keep_gradients, maker(executor))


class Compiled:
    """A step that is replayed once it has been recorded; see `compile`.

    Attributes:
        function: the step.
        refusal: why it cannot be recorded, if it cannot and is not strict.
    """

    def __init__(
        self, function: Callable[..., Any], strict: bool, keep_gradients: bool, maker: Maker
    ) -> None:
        self.function = function
        self.refusal: CaptureError | None = None
        self._strict = strict
        self._keep = keep_gradients
        self._maker = maker
        self._settings = _NEVER
        self._was_eager = False
        self._awaited: dict[str, Any] | None = None  # of another process, and not yet here
        self._leaves = Leaves()
        self._kinds = Kinds(maker, self._refuse)
        self._key: list[Any] = []
        self._recent: Signature
        self._lock = threading.RLock()
        self._is_module = isinstance(function, Module)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not self.__dict__.get("_is_module"):
            raise AttributeError(f"a compiled step has no {name!r}")
        return getattr(self.function, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.refusal is not None or is_recording() or (self._is_module and is_grad_enabled()):
            return self.function(*args, **kwargs)
        key: list[Any] = [is_grad_enabled(), get_default_dtype()]
        arrays = take_apart(args, kwargs, key)
        with self._lock:
            known = self._recent if key == self._key else self._of_kind(key, args, kwargs)
            self._leaves.bring_home()
            plan = known.plan()
            if plan is not None:
                if plan.allows(arrays):
                    return plan(arrays)
                with listen(known.hear):
                    return self._eager(args, kwargs)
            # After something has been set, state may come to be at the first step.
            if self._settings != SETTINGS.changes and not self._was_eager:
                return self._eager(args, kwargs)
            return self._recorded(known, args, kwargs, arrays)

    def many(self, *args: Any, rows: Any = None, steps: int | None = None, **kwargs: Any) -> Any:
        """Take many steps, and as soon as they are replayed as machine code, in one call.

        The steps are those that so many calls would take, to the last bit; what they cost besides
        is spared. So small steps run at the speed of the machine.

        Args:
            args: of the step; with `rows`, in place of each tensor or array that of all examples.
            rows: integers (steps, rows a step): step s is given x[rows[s]] of each tensor or array
                x in the arguments that has rows; one of a single number is the same in all.
            steps: how many, each with the same arguments; not together with `rows`.
            kwargs: of the step, like `args`.

        Returns:
            What the steps return, their tensors and arrays stacked, (steps, ...).

        Raises:
            OptionError: not one of `rows` and `steps` was given, or there are none.
            ShapeError: a number in `rows` is not that of a row of every tensor.
            CaptureError: as in a call.

        Examples:
            >>> import chainrule as cr
            >>> total = cr.zeros(2)
            >>> @compile
            ... def step(x):
            ...     total.add_(x.sum(0))
            ...     return x.mean()
            >>> x = cr.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
            >>> step.many(x, rows=[[0, 1], [2, 2]])
            tensor([2.5000, 5.5000])
            >>> step.many(x, steps=3)
            tensor([3.5000, 3.5000, 3.5000])
            >>> total
            tensor([41., 54.])
        """
        feed = Feed(args, kwargs, rows, steps)
        pieces, done = [], 0
        while done < feed.steps:
            taken = self.at_once(feed, done)
            if taken is None:
                here, by_name = feed.at(done)
                taken = single(self(*here, **by_name))
            elif taken.refuse is not None:
                taken.refuse()
            pieces.append(taken.result)
            done += taken.steps
        return pieces[0] if len(pieces) == 1 else joined(pieces)

    def at_once(
        self, feed: Feed, first: int = 0, last: int | None = None, tables: Sequence[Table] = ()
    ) -> Many | None:
        """Take many steps in one call, or none where there is no plan for that.

        Args:
            feed: what the steps are given.
            first: the number of the first step,
            last: and that of the one after the last; to the end by default.
            tables: for states that are another in each step.
        """
        with self._lock:
            plan = self._plan_for_many(feed, first)
            if plan is None:
                return None
            last = feed.steps if last is None else last
            return plan.many(last - first, feed.between(first, last), tables)

    def is_ready(self, feed: Feed, first: int = 0) -> bool:
        """Whether many steps, from number `first` on, can be taken in one call."""
        with self._lock:
            return self._plan_for_many(feed, first) is not None

    def _plan_for_many(self, feed: Feed, first: int) -> Plan | None:
        if self.refusal is not None or is_recording():
            return None
        key: list[Any] = [is_grad_enabled(), get_default_dtype()]
        args, kwargs = feed.at(first)
        take_apart(args, kwargs, key)
        known = self._kinds.find(tuple(key))
        self._leaves.bring_home()
        plan = known.plan() if known else None
        return plan if plan and plan.has_many and feed.is_allowed(plan) else None

    def _of_kind(self, key: list[Any], args: Any, kwargs: Any) -> Signature:
        """What is known of arguments of a kind; the next are likely to be of the same."""
        kind = tuple(key)
        self._recent = self._kinds.find(kind) or self._kinds.meet(kind, (args, kwargs))
        self._key = key
        return self._recent

    def _eager(self, args: Any, kwargs: Any) -> Any:
        result = self.function(*args, **kwargs)
        sentence = with_history(result) or (is_grad_enabled() and wants_gradient((args, kwargs)))
        if sentence:
            self._refuse(CaptureError(sentence))
            return result
        self._settings = SETTINGS.changes
        self._was_eager = True
        return without_history(result)

    def _recorded(self, known: Signature, args: Any, kwargs: Any, arrays: list[Array]) -> Any:
        if is_grad_enabled() and wants_gradient((args, kwargs)):
            return self._eager(args, kwargs)
        recording = Recording(
            self.function, args, kwargs, arrays, self._leaves, self._keep, known.is_wide
        )
        self._settings = SETTINGS.changes
        self._was_eager = False
        try:
            known.add(recording)
        except CaptureError as error:
            self._refuse(error)
        return recording.result

    def _refuse(self, error: CaptureError) -> None:
        if self._strict:
            raise error
        self.refusal = error
        warnings.warn(f"going on without a recording: {error}", stacklevel=4)

    def profile(self, *args: Any, runs: int = 10, **kwargs: Any) -> Profile:
        """Run what was recorded part by part, and say where the time goes.

        Steps that are measured are no steps: what they change is put back. Each part is timed by
        itself, the least of several runs, which takes some tenths of a microsecond besides.

        Args:
            args: of the step, of a kind that is replayed already.
            runs: how many.
            kwargs: of the step.

        Returns:
            `Profile`; `print` shows it. A part that no machine code carries out is marked NumPy.

        Raises:
            OptionError: the step is not replayed with such arguments yet.

        Examples:
            >>> import chainrule as cr
            >>> step = compile(lambda x: (x @ x).exp().sum(), executor="numpy")
            >>> x = cr.ones(8, 8)
            >>> for _ in range(3):
            ...     y = step(x)
            >>> profile = step.profile(x)
            >>> [[i.op.name for i in part.instructions] for part in profile.parts]
            [['matrix_product'], ['exp'], ['sum']]
            >>> profile.total > 0
            True
        """
        key: list[Any] = [is_grad_enabled(), get_default_dtype()]
        arrays = take_apart(args, kwargs, key)
        with self._lock:
            known = self._kinds.find(tuple(key))
            plan = known.plan() if known else None
            if plan is None or not plan.allows(arrays):
                raise OptionError(
                    "a step is profiled where it is replayed, and with these arguments it is not "
                    "yet; call it with them three times before"
                )
            return plan.profile(arrays, runs)

    def recorded(self, *args: Any, **kwargs: Any) -> tuple[Program, list[Array]] | None:
        """What was recorded for such arguments, and the arrays in these, its inputs; if it was."""
        key: list[Any] = [is_grad_enabled(), get_default_dtype()]
        arrays = take_apart(args, kwargs, key)
        with self._lock:
            known = self._kinds.find(tuple(key))
            plan = known.plan() if known else None
        return (plan.program, arrays) if plan else None

    def anew(self, function: Callable[..., Any] | None = None) -> Compiled:
        """Return this step, or another, compiled in the same way; nothing is recorded of it yet.

        Examples:
            >>> import chainrule as cr
            >>> step = compile(lambda x: x.exp().sum(), executor="numpy")
            >>> twice = step.anew(lambda x: x + x)
            >>> twice(cr.ones(2))
            tensor([2., 2.])
        """
        function = self.function if function is None else function
        return Compiled(function, self._strict, self._keep, self._maker)

    # --- in a resumed run -----------------------------------------------------------------------

    def stage(self) -> dict[str, Any]:
        """Return how far recording has come, as plain values, for `go_on_from`.

        Examples:
            >>> import chainrule as cr
            >>> step = compile(lambda x: x + x, executor="numpy")
            >>> y = step(cr.ones(2))
            >>> stage = step.stage()
            >>> stage["settled"], stage["eager"], list(stage["kinds"].values())
            (True, True, [(False, False, False)])
        """
        if self._settings == _NEVER and self._awaited is not None:
            return self._awaited
        awaited = self._awaited["kinds"] if self._awaited else {}
        return {
            "settled": self._settings == SETTINGS.changes,
            "eager": self._was_eager,
            "kinds": {**awaited, **self._kinds.stages()},
        }

    def go_on_from(self, stage: Mapping[str, Any]) -> None:
        """Let calls of `rehearse` come as far as another process had come.

        Args:
            stage: what `stage` returned there.
        """
        self._awaited = {**stage, "kinds": dict(stage["kinds"]), "at": SETTINGS.changes}

    def go_on(self) -> None:
        """Let what was set up to now, before a resumed run's first step, be as it was there."""
        if self._awaited is not None:
            self._awaited["at"] = SETTINGS.changes

    def rehearse(self, *args: Any) -> None:
        """Record what another process had recorded of such arguments, and change nothing.

        Steps that are replayed round otherwise than those before them. So where a run goes on in
        another process, its recordings are made anew, by steps that are taken back, before the
        first that counts.

        Args:
            args: of a step.
        """
        if self._awaited is None:
            return
        key: list[Any] = [is_grad_enabled(), get_default_dtype()]
        take_apart(args, {}, key)
        stage = self._awaited["kinds"].pop(repr(tuple(key)), (False, False))
        planned, waiting, is_wide = (*stage, False)[:3]
        is_first = self._settings == _NEVER
        settled, was_eager = self._settings == SETTINGS.changes, self._was_eager
        if is_first:
            nothing_set = self._awaited["at"] == SETTINGS.changes
            settled, was_eager = self._awaited["settled"] and nothing_set, self._awaited["eager"]
        if not self._awaited["kinds"]:
            self._awaited = None
        if not (is_first or planned or waiting or is_wide):
            return
        with self._lock, undone() as before:
            if is_first:
                self(*args)
            known = self._of_kind(key, args, {})
            known.is_wide = is_wide
            for _ in range(_REHEARSALS):
                if known.plans or not (planned or (waiting and not known.is_waiting)):
                    break
                if known.is_waiting:
                    before.rest()  # all that a step changes is known, and the plan is to be plain
                self._was_eager = True  # so that it is recorded, whatever has been set
                self(*args)
            if known.is_wide and not is_wide:  # the step to come is the first with such numbers
                known.widen()
                settled = was_eager = False
        self._settings, self._was_eager = SETTINGS.changes if settled else _UNSETTLED, was_eager

    @property
    def parts(self) -> Sequence[Part]:
        """What is carried out together, in the plan for the latest arguments; nothing so far."""
        plan = self._kinds.latest()
        return plan.parts if plan else ()

    @property
    def bytes(self) -> int:
        """The memory for what is made on the way, in the plan for the latest arguments."""
        plan = self._kinds.latest()
        return plan.bytes if plan else 0

    @property
    def program(self) -> Program | None:
        """What was recorded for the latest arguments that there is a plan for, or `None` so far."""
        plan = self._kinds.latest()
        return plan.program if plan else None

    @property
    def outside(self) -> list[str]:
        """The operations that NumPy carries out, in the plan for the latest arguments.

        Examples:
            >>> import chainrule as cr
            >>> step = compile(lambda x: x.exp().sum(), executor="numpy")
            >>> for _ in range(3):
            ...     y = step(cr.ones(2))
            >>> step.outside
            ['exp', 'sum']
        """
        return [i.op.name for part in self.parts if not part.native for i in part.instructions]

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        plan = self._kinds.latest()
        if plan is None:
            return f"<compiled {name}: {self.refusal or 'not recorded yet'}>"
        return f"<compiled {name}: {len(plan.program)} operations>\n{plan}"
