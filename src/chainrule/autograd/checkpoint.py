"""Memory for time: what a part of a network computes is dropped and computed again (floor 2).

On the way forward the part runs as ever, but of its tape only one node is kept, from its arguments
and the leaves that it was seen to use, its weights, to its results. On the way back it runs again.

T. Chen, B. Xu, C. Zhang and C. Guestrin, "Training deep nets with sublinear memory cost",
arXiv:1604.06174, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule import ops
from chainrule.autograd.function import call
from chainrule.autograd.generator import default_generator
from chainrule.autograd.gradients import grad
from chainrule.autograd.tape import Traced, enable_grad, is_grad_enabled, wrap
from chainrule.autograd.transforms import leaves_of
from chainrule.errors import OptionError

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Return function(*args, **kwargs), computed again when its gradient is wanted.

    Args:
        function: a part of a network, or any function of tensors; what it gives is a tensor or a
            tuple.
        args: its arguments.
        use_reentrant: accepted for its name, like those below: there is one way.
        preserve_rng_state: draw the same random numbers again.
        determinism_check: accepted for its name.
        debug: accepted for its name.
        early_stop: accepted for its name.
        kwargs: arguments by name.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> x = tensor([1.0, 2.0], requires_grad=True)
        >>> checkpoint(lambda x: (x * x).exp().log(), x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    state = default_generator.state
    before = ops.clone(state)
    fresh = [_alone(a) for a in args]
    output = function(*fresh, **kwargs)
    outputs = list(output) if isinstance(output, (tuple, list)) else [output]
    tracked = [y for y in outputs if isinstance(y, Traced) and y.needs_grad]
    own = {id(a) for a in fresh}
    leaves = [leaf for leaf in leaves_of(tracked) if id(leaf) not in own]
    if not tracked:
        return output
    places = [i for i, a in enumerate(args) if isinstance(a, Traced) and a.needs_grad]

    def backward(*gradients: Any) -> list[Any]:
        again = [ops.clone(a) if is_grad_enabled() and i in places else _alone(a)
                 for i, a in enumerate(args)]  # fmt: skip
        after = ops.clone(state)
        if preserve_rng_state:
            ops.assign(state, before)
        nested = is_grad_enabled()
        with enable_grad():
            results = function(*again, **kwargs)
        if preserve_rng_state:
            ops.assign(state, after)
        listed = results if isinstance(results, (tuple, list)) else [results]
        ys = [y for y in listed if isinstance(y, Traced) and y.needs_grad]
        wanted = [*(again[i] for i in places), *leaves]
        return list(grad(ys, wanted, gradients, True, nested, allow_unused=True))

    inputs = [*(args[i] for i in places), *leaves]
    arrays = [y.array for y in tracked]
    made = iter(call("checkpoint", backward, inputs, arrays, [t.array for t in inputs]))
    found = [next(made) if isinstance(y, Traced) and y.needs_grad else y for y in outputs]
    return type(output)(found) if isinstance(output, (tuple, list)) else found[0]


def _alone(a: Any) -> Any:
    """A tensor with the same numbers, that wants a gradient if `a` does, but without history."""
    if not isinstance(a, Traced):
        return a
    alone = wrap(a.array)
    alone.needs_grad = a.needs_grad
    return alone


def checkpoint_sequential(
    functions: Sequence[Callable[..., Any]], segments: int, input: Any, **options: Any
) -> Any:
    """Return `input` after all `functions`, of which `segments` pieces are computed again.

    Args:
        functions: a `Sequential`, or anything else that lists functions.
        segments: into how many pieces to cut them; the last is not computed again.
        input: of the first.
        options: those of `checkpoint`.

    Raises:
        OptionError: more segments than functions, or none.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> x = tensor([1.0], requires_grad=True)
        >>> checkpoint_sequential([lambda x: x * 2, lambda x: x * x], 2, x).backward()
        >>> x.grad
        tensor([8.])
    """
    each = list(functions)
    if not 1 <= segments <= len(each):
        raise OptionError(f"segments must be from 1 to {len(each)}, got {segments}")
    size = len(each) // segments

    def piece(start: int, end: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for function in each[start:end]:
                x = function(x)
            return x

        return run

    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(piece(start, start + size), input, **options)
    return piece(last, len(each))(input)
