"""`vmap`: a function of one example for a batch of them (floor 2).

It is called for every example in turn, and the results are stacked. So it may do whatever it may do
for one, look at numbers and take branches included, and gradients flow through; it takes as long
as the calls take.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.generator import default_generator
from chainrule.autograd.tensor import Tensor
from chainrule.autograd.transforms import mapped
from chainrule.errors import OptionError, ShapeError

__all__ = ["vmap"]

Function = Callable[..., Any]


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """Return `func` for batches.

    Args:
        func: takes and gives tensors, also in lists, tuples and dictionaries.
        in_dims: the dimension of the arguments that counts the examples, one for all or a tree of
            them; `None` for what is the same for every example.
        out_dims: that of the results.
        randomness: "same" for the same random numbers in each call; else they differ.
        chunk_size: accepted for its name.

    Raises:
        OptionError: no argument is a batch, or a result is no tensor.
        ShapeError: batches of several sizes.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> rows = tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> vmap(lambda x, y: x.dot(y))(rows, rows)
        tensor([ 5., 25.])
    """

    @functools.wraps(func, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise OptionError(f"in_dims names {len(dims)} arguments, {len(args)} were given")
        spread = [_spread(dim, arg) for dim, arg in zip(dims, args)]
        by_name = _spread(0, kwargs)
        count = _count([*zip(spread, args), (by_name, kwargs)])
        start = ops.clone(default_generator.state)
        results = []
        for i in range(count):
            if randomness == "same":
                ops.assign(default_generator.state, start)
            pick = functools.partial(_picked, i)
            results.append(
                func(
                    *(mapped(pick, a, d) for a, d in zip(args, spread)),
                    **mapped(pick, kwargs, by_name),
                )
            )
        if not results:
            raise ShapeError("vmap cannot tell the results of an empty batch")
        return mapped(_stacked, results[0], _spread(out_dims, results[0]), *results[1:])

    return batched


def _spread(dims: Any, tree: Any) -> Any:
    """Dimensions for each tensor in a tree, of one for all of it or of a tree of them."""
    if isinstance(tree, dict):
        each = dims if isinstance(dims, dict) else dict.fromkeys(tree, dims)
        return type(tree)((k, _spread(each[k], v)) for k, v in tree.items())
    if isinstance(tree, (list, tuple)):
        all_of = dims if isinstance(dims, (list, tuple)) else [dims] * len(tree)
        found = [_spread(d, v) for d, v in zip(all_of, tree, strict=True)]
        return type(tree)(*found) if hasattr(tree, "_fields") else type(tree)(found)
    return dims if isinstance(tree, Tensor) else None


def _count(pairs: Sequence[tuple[Any, Any]]) -> int:
    sizes: set[int] = set()

    def see(x: Any, dim: Any) -> None:
        if dim is not None:
            if not x.array.ndim:
                raise ShapeError("vmap needs a batch, got one number; give it in_dims=None")
            sizes.add(x.array.shape[dim])

    for dims, tree in pairs:
        mapped(see, tree, dims)
    if not sizes:
        raise OptionError("vmap needs a batch in some argument; every one has in_dims None")
    if len(sizes) > 1:
        raise ShapeError(f"vmap needs batches of one size, got {sorted(sizes)}")
    return sizes.pop()


def _picked(i: int, x: Any, dim: Any) -> Any:
    return x if dim is None else ops.select(x, dim, i)


def _stacked(first: Any, dim: Any, *rest: Any) -> Any:
    if not isinstance(first, Tensor):
        raise OptionError(
            f"vmap takes a function that gives tensors, this gave {type(first).__name__}"
        )
    if dim is None:
        return first
    return ops.stack([first, *rest], int(np.int64(dim)))
