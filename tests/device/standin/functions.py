"""The functions of the stand-in: NumPy's, on the memory of its arrays, as far as CuPy has them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from device.standin import names
from device.standin.array import (
    METHODS,
    SCALARS,
    allowed_dtype,
    memory,
    ndarray,
    operand,
    place_in,
    wrap,
)
from device.standin.launches import MACHINE, changed, made, synchronize

__all__ = ["Ufunc", "function", "maker", "signature"]

# What waits for the device, because the size or the answer depends on numbers that are there.
WAITING = ("allclose", "argwhere", "bincount", "flatnonzero", "nonzero", "repeat", "unique")
# What cuBLAS does, which CuPy does not call while a stream is captured.
MULTIPLYING = ("dot", "einsum", "inner", "matmul", "outer", "tensordot", "vdot")
# What changes its first argument, and gives nothing.
CHANGING = ("copyto", "fill_diagonal", "put", "put_along_axis", "putmask")
# What gives facts rather than arrays.
TELLING = ("may_share_memory", "ndim", "result_type", "shape", "shares_memory")


# --- what is called -----------------------------------------------------------------------------


def signature(text: str) -> tuple[inspect.Signature, dict[str, str]]:
    """The signature in a line of the table, and which arguments have to be arrays or lists."""
    scope: dict[str, Any] = {}
    exec(f"def f({text.replace('!', '').replace('+', '')}): pass", {}, scope)  # our own table
    marked = {}
    for part in text.split(","):
        name = part.split("=")[0].strip()
        if name[-1:] in "!+" and name:
            marked[name[:-1]] = name[-1]
    return inspect.signature(scope["f"]), marked


def bound(name: str, shape: inspect.Signature, args: Any, kwargs: Any) -> inspect.BoundArguments:
    """The arguments by their names; CuPy's refusal of those it does not have."""
    try:
        return shape.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None


def refuse_hosts(name: str, given: dict[str, Any], marked: dict[str, str]) -> None:
    """Raise where an array of the device is needed and something else came."""
    for argument, mark in marked.items():
        value = given.get(argument)
        each = value if mark == "+" and isinstance(value, (list, tuple)) else [value]
        if not all(type(one) is ndarray for one in each):
            types = {type(one).__name__ for one in each}
            raise TypeError(f"{name}() needs cupy.ndarray for {argument!r}, got {types}")


def function(name: str, text: str, numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    """The stand-in's function of that name."""
    shape, marked = signature(text)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = bound(name, shape, args, kwargs)
        refuse_hosts(name, given.arguments, marked)
        if name in WAITING:
            synchronize(name)
        if name in MULTIPLYING and MACHINE.noting() is not None:
            raise NotImplementedError(
                "calling cuBLAS API during stream capture is currently unsupported"
            )
        a, k = plainly(shape, given)
        a, k = [memory(x) for x in a], {n: memory(x) for n, x in k.items()}
        return answer(name, lambda: numpy_function(*a, **k), given, [*a, *k.values()])

    call.__name__ = name
    call.__signature__ = shape
    return call


def plainly(shape: inspect.Signature, given: inspect.BoundArguments) -> tuple[list[Any], Any]:
    """The arguments for NumPy: without those left as they are, what has a default by its name."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, value in given.arguments.items():
        parameter = shape.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            named.update(value)
        elif parameter.default is parameter.empty or name in ("x", "y"):  # those of `where`
            positional.append(value)
        elif value is not parameter.default:
            named[name] = value
    return positional, named


def answer(
    name: str, work: Callable[[], Any], given: inspect.BoundArguments, inputs: list[Any]
) -> Any:
    """What `work` gives, as the stand-in gives it."""
    if name in TELLING:
        return work()
    if name in CHANGING:
        changed(work)
        return None
    out = given.arguments.get("out", given.kwargs.get("out"))
    if out is not None:
        if type(out) is not ndarray:
            raise TypeError("Output arguments must be cupy.ndarray")
        changed(work)
        return out
    with np.errstate(all="ignore"):
        y = work()
    if is_view(y, inputs):
        return seen_from(y, given.arguments)
    if MACHINE.noting() is None:
        return wrap(arrays_of(y) if type(y) is not list else y)
    return wrap(made(lambda: arrays_of(work())))


def arrays_of(y: Any) -> Any:
    """Arrays for whatever NumPy gave: it makes numbers of those without dimensions."""
    if isinstance(y, (tuple, list)):
        return tuple(map(np.asarray, y))
    return np.asarray(y)


def is_view(y: Any, inputs: list[Any]) -> bool:
    """Whether all of `y` is memory of the inputs."""
    ys = y if isinstance(y, (tuple, list)) else [y]
    held = [x for x in inputs if isinstance(x, np.ndarray)]
    return all(
        isinstance(one, np.ndarray) and any(np.may_share_memory(one, x) for x in held) for one in ys
    )


def seen_from(y: Any, arguments: dict[str, Any]) -> Any:
    """Views of the arrays among the arguments."""
    if isinstance(y, (list, tuple)):
        return type(y)(seen_from(one, arguments) for one in y)
    each = [a for x in arguments.values() for a in (x if isinstance(x, (list, tuple)) else [x])]
    held = [a for a in each if type(a) is ndarray]
    return next(a._view(y) for a in held if np.may_share_memory(a._m, y))


COPIES = ("array", "asarray", "ascontiguousarray", "asfortranarray")


def maker(name: str, text: str) -> Callable[..., Any]:
    """The stand-in's function that makes an array, of numbers of the host too."""
    shape, _ = signature(text)
    numpy_function = getattr(np, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = bound(name, shape, args, kwargs)
        given.arguments.pop("blocking", None)
        if given.arguments.get("dtype") is not None:
            allowed_dtype(given.arguments["dtype"])
        a, k = plainly(shape, given)
        of_the_host = [x for x in a if isinstance(x, np.ndarray)]
        if name in COPIES:  # of an array that is on the device a copy there, which waits for nobody
            a = [memory(a[0]) if type(a[0]) is ndarray else a[0], *a[1:]]
        a, k = host(a), {n: host([x])[0] for n, x in k.items()}

        def work() -> Any:
            y = arrays_of(numpy_function(*a, **k))
            # Memory of the host is none of the device's.
            return y.copy("K") if any(np.may_share_memory(y, x) for x in of_the_host) else y

        return wrap(made(work))

    call.__name__ = name
    call.__signature__ = shape
    return call


def host(args: Any) -> list[Any]:
    """Arguments of what makes arrays: numbers of the device wait for it."""
    found = []
    for x in args:
        if type(x) is ndarray:
            synchronize("an argument on the device")
            x = memory(x)
        elif isinstance(x, (list, tuple)):
            x = type(x)(host(x))
        found.append(x)
    return found


# --- ufuncs -------------------------------------------------------------------------------------


class Ufunc:
    """An elementwise function, with the keywords and methods that CuPy's has."""

    def __init__(self, name: str) -> None:
        self._numpy = getattr(np, name)
        self.name = self.__name__ = name
        self.nin, self.nout, self.nargs = self._numpy.nin, self._numpy.nout, self._numpy.nargs
        self._methods = names.UFUNC_METHODS.get(name, ())

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.name}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        wrong = {k: v for k, v in kwargs.items() if k not in ("out", "dtype", "casting")}
        if wrong:
            raise TypeError(f"Wrong arguments {wrong}")
        out = kwargs.pop("out", None)
        if len(args) > self.nin:
            args, out = args[: self.nin], args[self.nin]
        if isinstance(out, tuple):
            out = out[0] if len(out) == 1 else out
        if not any(type(x) is ndarray for x in args) and out is None:
            args = (wrap(np.asarray(args[0])), *args[1:])  # numbers alone give an array too
        a = [operand(x) for x in args]
        if out is None:
            return wrap(made(lambda: arrays_of(self._numpy(*a, **kwargs))))
        if type(out) is not ndarray:
            raise TypeError("Output arguments must be cupy.ndarray")
        m = memory(out)
        if m.shape != np.broadcast_shapes(m.shape, *map(np.shape, a)):
            raise ValueError("Out shape is mismatched")
        changed(lambda: self._numpy(*a, out=m, **kwargs))
        return out

    def _has(self, method: str) -> None:
        if method not in self._methods:
            raise NotImplementedError(f"`cupy_{self.name}.{method}` is not supported yet")

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        self._has("reduce")
        reduction = {"add": "sum", "multiply": "prod"}[self.name]
        return _module_function(reduction)(array, axis, dtype, out, keepdims)

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        self._has("accumulate")
        scan = {"add": "cumsum", "multiply": "cumprod"}[self.name]
        return _module_function(scan)(array, axis, dtype, out)

    def reduceat(
        self, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        self._has("reduceat")
        m, places = operand(array), memory(indices)
        return wrap(made(lambda: self._numpy.reduceat(m, places, axis, dtype)))

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        self._has("at")
        if a.dtype.name not in ATOMIC:
            raise TypeError(f"{self.name}.at only supports {', '.join(ATOMIC)}, got {a.dtype}")
        m, value = operand(a), memory(b) if type(b) is ndarray else np.asarray(b)

        def work() -> None:
            self._numpy.at(m, place_in(m.shape, indices)[0], value.astype(m.dtype))

        changed(work)

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)


# What a GPU adds to without losing what others add at the same time.
ATOMIC = ("int32", "uint32", "uint64", "float16", "float32", "float64", "complex64", "complex128")


def _module_function(name: str) -> Callable[..., Any]:
    return function(name, names.FUNCTIONS[name], getattr(np, name))


# --- operators and methods of the array ---------------------------------------------------------

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


def give_operators(ufuncs: dict[str, Ufunc], functions: dict[str, Any]) -> None:
    """Give the array its operators, and the methods that are functions too."""
    for short, name in {**_OPERATORS, **_COMPARISONS}.items():
        _operator(short, ufuncs[name], short in _OPERATORS)
    for short, name in _UNARY.items():
        setattr(ndarray, f"__{short}__", lambda self, f=ufuncs[name]: f(self))
    matmul = functions["matmul"]
    ndarray.__matmul__ = lambda self, other: matmul(self, other)
    ndarray.__rmatmul__ = lambda self, other: matmul(other, self)
    ndarray.__divmod__ = lambda self, other: ufuncs["divmod"](self, other)
    for name in METHODS:
        method = {"conj": ufuncs["conjugate"]}.get(name) or functions[name]
        setattr(ndarray, name, _method(method))


def _operator(short: str, ufunc: Ufunc, arithmetic: bool) -> None:
    def forwards(self: Any, other: Any) -> Any:
        if type(other) is not ndarray and not isinstance(other, (*SCALARS, np.ndarray)):
            return NotImplemented
        return ufunc(self, other)

    def backwards(self: Any, other: Any) -> Any:
        if not isinstance(other, (*SCALARS, np.ndarray)):
            return NotImplemented
        return ufunc(other, self)

    setattr(ndarray, f"__{short}__", forwards)
    if arithmetic:
        setattr(ndarray, f"__r{short}__", backwards)
        setattr(ndarray, f"__i{short}__", lambda self, other: ufunc(self, other, out=self))


def _method(f: Any) -> Any:
    return lambda self, *args, **kwargs: f(self, *args, **kwargs)
