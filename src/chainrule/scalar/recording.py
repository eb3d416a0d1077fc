"""A function of scalars recorded once and replayed with new numbers (floor 0).

The graph of a function that does the same operations every time can be kept: with other numbers in
its leaves, value and gradient follow without a line of Python for each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from chainrule.errors import GradientError, MissingExtraError, OptionError, ShapeError
from chainrule.scalar.value import Value, refusal

if TYPE_CHECKING:
    from chainrule.scalar.tape import Tape, Wiring

__all__ = ["Recorded", "compile"]


def compile(f: Callable[..., Value], *values: Any, backend: str = "auto") -> Recorded:
    """Record the graph of `f(*values)` and return a function that replays it with new numbers.

    After `step = compile(f, *values)`, a call `step(*numbers)` puts the numbers into the `data` of
    the values and does what `f(*values).backward()` would, hundreds of times as fast. It returns
    the value of `f`. Gradients add up in the `grad` of the values and of every other Value that `f`
    uses, such as the parameters of a network, whose `data` is read anew at each call.

    What `f` does must not depend on the numbers: it cannot compare Values, read their `data` or
    `grad`, draw random numbers or change a Value. It is called twice, the second time with other
    numbers, to make sure that it does the same.

    Args:
        f: makes one Value of its arguments by operations on Values.
        values: the arguments, Values or lists of them, also nested.
        backend: "native" replays in machine code and needs llvmlite, "numpy" level by level with
            NumPy; "auto" takes the first where it can.

    Raises:
        GradientError: `f` cannot be recorded.
        MissingExtraError: backend "native" without llvmlite.
        OptionError: an unknown backend, or an argument that is not a Value.

    Examples:
        >>> w, x = Value(3), Value(2)
        >>> step = compile(lambda x: (w * x).tanh(), x)
        >>> w.data = 0.0
        >>> step(5.0)
        0.0
        >>> w.grad, x.grad
        (5.0, 0.0)
    """
    if backend not in ("auto", "native", "numpy"):
        raise OptionError(f"a backend is auto, native or numpy, got {backend!r}")
    inputs = list(_flat(values))
    for each in inputs:
        if not isinstance(each, Value):
            raise OptionError(f"what is compiled takes Values, got {each!r}; write Value({each!r})")
    first = _graph(f, values)
    second = _graph_elsewhere(f, values, first)
    _check_repeats(first, second)
    captured = [x for x, again in zip(first, second) if x is again]
    return Recorded(first, inputs, captured, backend)


class Recorded:
    """A recorded function, made by `compile`.

    Args:
        graph: what the function computed, leaves first.
        inputs: the Values that take the numbers of a call.
        captured: the leaves of the graph that were there before the function was called.
        backend: "auto", "native" or "numpy".

    Raises:
        ShapeError: a call with more or fewer numbers than inputs; with none at all the inputs keep
            theirs.

    Examples:
        >>> x = Value(2)
        >>> compile(lambda x: 3 * x + 1, x, backend="numpy")
        Recorded(operations=2, runs=2, replay='NumPy')
    """

    def __init__(
        self, graph: list[Value], inputs: list[Value], captured: list[Value], backend: str
    ) -> None:
        known = set(captured)
        constants = [x for x in graph if not x.op and x not in known]
        results = [x for x in graph if x.op]
        self.inputs, self.captured = inputs, captured
        self.tape = _tape(_wiring([*captured, *constants, *results], set(constants)), backend)
        self.tape.data[len(captured) : self.tape.leaves] = [x.data for x in constants]

    def __call__(self, *numbers: Any) -> float:
        if numbers:
            self._put(numbers)
        y = self.tape.replay([x.data for x in self.captured])
        for x, grad in zip(self.captured, self.tape.grad[: len(self.captured)].tolist()):
            x.grad += grad
        return y

    def _put(self, numbers: Any) -> None:
        data = [float(each) for each in _flat(numbers)]
        if len(data) != len(self.inputs):
            raise ShapeError(f"{self!r} takes {len(self.inputs)} numbers, got {len(data)}")
        for x, number in zip(self.inputs, data):
            x.data = number

    def __repr__(self) -> str:
        tape = self.tape
        return f"Recorded(operations={len(tape.a)}, runs={len(tape.runs)}, replay={tape.means!r})"


# --- recording ------------------------------------------------------------------------------------


def _flat(x: Any) -> Iterator[Any]:
    """Yield what is in lists in lists, in order."""
    if isinstance(x, Iterable) and not isinstance(x, str):
        for each in x:
            yield from _flat(each)
    else:
        yield x


def _graph(f: Callable[..., Value], values: Any) -> list[Value]:
    """Call `f` with comparisons forbidden; return its graph."""
    token = refusal.set(
        GradientError(
            "a function that is compiled cannot compare Values or turn them into plain numbers, "
            "since a replay would not; use relu or abs, or decide outside the function"
        )
    )
    try:
        y = f(*values)
    finally:
        refusal.reset(token)
    if not isinstance(y, Value):
        raise GradientError(f"a function that is compiled returns one Value, got {y!r}")
    return y.graph()


def _graph_elsewhere(f: Callable[..., Value], values: Any, first: list[Value]) -> list[Value]:
    """Return the graph of `f` called again, with other numbers in the leaves of the first."""
    leaves = [x for x in first if not x.op]
    kept = [(x.data, x.grad) for x in leaves]
    for x in leaves:
        x.data = 0.875 * x.data + 0.03125
    moved = [(x.data, x.grad) for x in leaves]
    try:
        second = _graph(f, values)
        changed = [x for x, state in zip(leaves, moved) if repr((x.data, x.grad)) != repr(state)]
    finally:
        for x, (data, grad) in zip(leaves, kept):
            x.data, x.grad = data, grad
    if changed:
        raise GradientError(
            f"a function that is compiled leaves Values alone, but it changes {changed[0]!r}; "
            "do that after each replay"
        )
    return second


def _check_repeats(first: list[Value], second: list[Value]) -> None:
    """Raise unless both calls did the same operations, on the same plain numbers."""
    if _wiring(first) != _wiring(second):
        raise GradientError(
            "a function that is compiled does the same operations at every call, but this one did "
            "others when it was called with other numbers"
        )
    for x, again in zip(first, second):
        if x is again and x.op:
            raise GradientError(
                f"{x!r} was computed before the function that uses it was called; compute it "
                "inside, so that a replay does too"
            )
        if x is not again and not x.op and repr(x.data) != repr(again.data):
            raise GradientError(
                f"a function that is compiled uses the same plain numbers at every call, but this "
                f"one used {x.data:.6g} and then {again.data:.6g}; make it a Value outside"
            )


def _wiring(numbers: list[Value], constants: Container[Value] = ()) -> Wiring:
    """Return the operation of each number and the places of its operands among them."""
    place = {x: i for i, x in enumerate(numbers)}
    wiring = []
    for x in numbers:
        op = "**n" if x.op == "**" and x.operands[1] in constants else x.op
        wiring.append((op, tuple(place[operand] for operand in x.operands)))
    return wiring


def _tape(wiring: Wiring, backend: str) -> Tape:
    from chainrule.scalar.tape import Tape

    if backend == "numpy":
        return Tape(wiring)
    try:
        from chainrule.scalar.native import NativeTape

        return NativeTape(wiring)
    except MissingExtraError:
        if backend == "native":
            raise
        return Tape(wiring)
