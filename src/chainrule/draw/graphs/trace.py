"""What a module did with an input: every operation, and the module call it was part of (floor 4).

The module runs once, in `eval` mode and without a tape. A reader at the one door of the operations
notes each call; hooks note where the call of a module begins and ends. What flows from one to the
other is told by the identity of arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from chainrule.autograd import Tensor, as_tensor, no_grad
from chainrule.errors import OptionError
from chainrule.nn import Module
from chainrule.ops import Array, Op
from chainrule.ops.core import READERS

__all__ = ["Call", "Scope", "Trace", "traced"]


@dataclass(eq=False)
class Scope:
    """One call of a module.

    Attributes:
        module: which.
        path: its name, as seen from the outermost module.
        parent: the call that it was made in; `None` for the outermost.
        again: how often the same module had been called before.
        output: the arrays it returned.
    """

    module: Module
    path: str
    parent: Scope | None
    again: int = 0
    output: list[Array] = field(default_factory=list)

    def around(self) -> list[Scope]:
        """Return this call and those it was made in, from the innermost."""
        found, scope = [], self.parent
        while scope is not None:
            found.append(scope)
            scope = scope.parent
        return [self, *found]


@dataclass(eq=False)
class Call:
    """One operation; or, without an `op`, a module that handed on what it was given.

    Attributes:
        op: what was done.
        args: its arguments, arrays and numbers.
        attrs: its attributes.
        y: its result.
        scope: the module call that it was part of.
        sources: for each argument the call that made it, or `None`.
        order: how many calls were noted before it.
    """

    op: Op | None
    args: list[Any]
    attrs: Mapping[str, Any]
    y: Array
    scope: Scope
    sources: list[Call | None]
    order: int


@dataclass
class Trace:
    """A run of a module.

    Attributes:
        model: the module.
        inputs: the arrays it was given.
        outputs: the arrays it returned.
        calls: those operations that the outputs depend on, in the order in which they were done.
        scopes: the calls of modules, in the order in which they began.
        names: of parameters and buffers, by the identity of their arrays.
        ends: for each output the call that made it, or `None` if it is an input.
    """

    model: Module
    inputs: list[Array]
    outputs: list[Array]
    calls: list[Call]
    scopes: list[Scope]
    names: dict[int, str]
    ends: list[Call | None]


class _Recorder:
    """Listens at the door and to the hooks."""

    def __init__(self, model: Module) -> None:
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.calls: list[Call] = []
        self.scopes: list[Scope] = []
        self.times: dict[int, int] = {}  # how often a module has been called
        self.stack: list[tuple[Scope, int]] = []  # the calls we are in, and when each began
        self.makers: dict[int, Call] = {}  # by the identity of an array
        self.kept: list[Any] = []  # all of them, so that no identity is given out twice

    # --- modules ---

    def begin(self, module: Module, _args: Any) -> None:
        parent = self.stack[-1][0] if self.stack else None
        again = self.times.get(id(module), 0)
        self.times[id(module)] = again + 1
        scope = Scope(module, self.paths[id(module)], parent, again)
        self.scopes.append(scope)
        self.stack.append((scope, len(self.calls)))

    def end(self, _module: Module, args: Any, y: Any) -> None:
        scope, begun = self.stack.pop()
        scope.output = _arrays(y)
        for array in scope.output:
            maker = self.makers.get(id(array))
            handed_on = any(array is given for given in _arrays(args))
            if handed_on if maker is None else maker.order < begun:
                self._note(Call(None, [array], {}, array, scope, [maker], len(self.calls)))

    # --- operations ---

    def reader(self, before: Any) -> Any:
        """Return a reader that notes what the reader `before` makes of a call."""

        def read(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
            arrays = [_bare(a) for a in args]
            sources = [self.makers.get(id(a)) for a in arrays]
            y = before(op, args, attrs)
            made = _bare(y)
            # A call that was done over in another dtype has been noted already.
            if op.kind == "update" or id(made) not in self.makers:
                scope = self.stack[-1][0]
                self._note(Call(op, arrays, attrs, made, scope, sources, len(self.calls)))
            return y

        return read

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        self.makers[id(call.y)] = call
        self.kept.extend((call.y, *call.args))


def traced(model: Module, *inputs: Any) -> Trace:
    """Run `model` once and return what it did.

    Args:
        model: any module.
        inputs: what it is called with: tensors, arrays or numbers.

    Raises:
        OptionError: it returned no tensor.

    Examples:
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> trace = traced(model, np.zeros((1, 2), np.float32))
        >>> [(call.op.name, call.scope.path) for call in trace.calls]
        [('linear', '0'), ('relu', '1')]
    """
    tensors = [as_tensor(x) for x in inputs]
    recorder = _Recorder(model)
    with no_grad(), _in_eval(model), _hooked(model, recorder), _listening(recorder):
        y = model(*tensors)
    outputs = _arrays(y)
    if not outputs:
        raise OptionError(
            f"{type(model).__name__} returned {type(y).__name__}, and a drawing needs a tensor at "
            "its end; let forward return what it computes"
        )
    ends = [recorder.makers.get(id(array)) for array in outputs]
    return Trace(
        model,
        [t.array for t in tensors],
        outputs,
        _leading_to(ends, recorder.calls),
        recorder.scopes,
        _names(model),
        ends,
    )


def _leading_to(ends: Iterable[Call | None], calls: Sequence[Call]) -> list[Call]:
    """Those of `calls` that an end depends on."""
    needed = {id(end) for end in ends if end is not None}
    for call in reversed(calls):
        if id(call) in needed:
            needed.update(id(source) for source in call.sources if source is not None)
    return [call for call in calls if id(call) in needed]


def _names(model: Module) -> dict[int, str]:
    named = [*model.named_parameters(), *model.named_buffers()]
    return {id(tensor.array): name for name, tensor in named}


def _bare(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) else value


def _arrays(value: Any) -> list[Array]:
    """The arrays of the tensors in what a module takes or returns, however nested."""
    found, waiting = [], [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Tensor):
            found.append(each.array)
        elif isinstance(each, Mapping):
            waiting.extend(reversed(list(each.values())))
        elif isinstance(each, (tuple, list)):
            waiting.extend(reversed(each))
    return found


# --- what is changed for the time of the run ------------------------------------------------------


@contextmanager
def _in_eval(model: Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _hooked(model: Module, recorder: _Recorder) -> Iterator[None]:
    with ExitStack() as stack:
        for module in model.modules():
            for handle in (
                module.register_forward_pre_hook(recorder.begin),
                module.register_forward_hook(recorder.end),
            ):
                stack.callback(handle.remove)
        yield


@contextmanager
def _listening(recorder: _Recorder) -> Iterator[None]:
    before = dict(READERS)
    READERS.update({kind: recorder.reader(reader) for kind, reader in before.items()})
    try:
        yield
    finally:
        READERS.update(before)
