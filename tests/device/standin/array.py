"""The array of the stand-in: NumPy's memory in a class that NumPy cannot read."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from device.standin import cuda
from device.standin.launches import MACHINE, changed, made, synchronize

__all__ = [
    "METHODS",
    "SCALARS",
    "allowed_dtype",
    "memory",
    "ndarray",
    "operand",
    "place_in",
    "wrap",
]

MODULE: list[Any] = []  # the module that the array's methods find their functions in

SCALARS = (bool, int, float, complex, np.generic)


def allowed_dtype(dtype: Any) -> np.dtype:
    """The dtype, if a GPU has it."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc" or dtype in (np.longdouble, np.clongdouble):
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def free(device: int, nbytes: int) -> None:
    """Count memory that nothing holds any more."""
    MACHINE.used[device] -= nbytes


def wrap(y: Any) -> Any:
    """What NumPy gave, as arrays of the device: tuples and lists of them too."""
    if isinstance(y, (tuple, list)):
        return type(y)(wrap(one) for one in y)
    return ndarray._of(np.asarray(y))


def memory(x: Any) -> Any:
    """The memory of an array, a number as it is, and those in lists; nothing of the host.

    Raises:
        TypeError: an array of NumPy's.
        ValueError: an array of another device than the current one.
    """
    if type(x) is ndarray:
        if x._device != MACHINE.current:
            raise ValueError(
                f"Array device must be same as the current device: array device = {x._device} "
                f"while current = {MACHINE.current}"
            )
        return x._m
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, (list, tuple)):
        return type(x)(memory(one) for one in x)
    return x


def operand(x: Any) -> Any:
    """What a ufunc accepts: an array of the device or a number."""
    if type(x) is ndarray or isinstance(x, SCALARS):
        return memory(x)
    raise TypeError(f"Unsupported type {type(x)}")


class ndarray:  # CuPy's name
    """An array on a device.

    Args:
        shape: sizes.
        dtype: the kind of number.
        memptr: where its memory is, of `cuda.alloc`; new if not given.
        strides: bytes from element to element.
        order: "C" or "F".
    """

    __slots__ = ("__weakref__", "_base", "_device", "_m")
    __hash__ = None
    __array_priority__ = 100

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: Any = None,
        strides: Any = None,
        order: str = "C",
    ) -> None:
        dtype = allowed_dtype(dtype)
        if memptr is None:
            m = np.empty(shape, dtype, order)
            if m.size:
                m.fill(np.nan if dtype.kind in "fc" else dtype.type(1))  # nothing to rely on
        else:
            m = np.ndarray(shape, dtype, memptr.mem.bytes, memptr.offset, strides, order)
        self._hold(m, MACHINE.current)

    def _hold(self, m: np.ndarray, device: int) -> None:
        self._m = m
        self._device = device
        self._base: ndarray | None = None
        if m.base is None:
            MACHINE.used[device] += m.nbytes
            MACHINE.peak[device] = max(MACHINE.peak[device], MACHINE.used[device])
            weakref.finalize(m, free, device, m.nbytes)

    @classmethod
    def _of(cls, m: np.ndarray, device: int | None = None) -> ndarray:
        allowed_dtype(m.dtype)
        self = cls.__new__(cls)
        self._hold(m, MACHINE.current if device is None else device)
        return self

    # --- facts --------------------------------------------------------------------------------

    shape = property(lambda self: self._m.shape)
    dtype = property(lambda self: self._m.dtype)
    ndim = property(lambda self: self._m.ndim)
    size = property(lambda self: self._m.size)
    nbytes = property(lambda self: self._m.nbytes)
    itemsize = property(lambda self: self._m.itemsize)
    strides = property(lambda self: self._m.strides)
    flags = property(lambda self: self._m.flags)
    device = property(lambda self: cuda.Device(self._device))
    T = property(lambda self: self._view(self._m.T))
    mT = property(lambda self: self._view(self._m.mT))
    real = property(lambda self: self._view(self._m.real))
    imag = property(lambda self: self._view(self._m.imag))

    @shape.setter
    def shape(self, shape: Any) -> None:
        self._m.shape = shape

    base = property(lambda self: self._base)

    @property
    def data(self) -> Any:
        class place:
            bytes = self._m
            ptr = cuda.address_of(self._m)
            device_id = self._device

        return cuda.MemoryPointer(place, 0)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._m.__array_interface__, "version": 3}

    def _view(self, m: np.ndarray) -> ndarray:
        view = ndarray._of(m, self._device)
        view._base = self if self._base is None else self._base
        return view

    def __len__(self) -> int:
        return len(self._m)

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # --- to the host --------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(
        self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True
    ) -> Any:
        synchronize("get")
        MACHINE.copies += 1
        if out is None:
            return np.array(self._m, order=order, copy=True)
        if type(out) is not np.ndarray or out.dtype != self.dtype:
            raise TypeError(f"{getattr(out, 'dtype', out)} array cannot be obtained")
        if out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, got {out.shape}")
        np.copyto(out, self._m)
        return out

    def set(self, arr: Any, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        changed(lambda: np.copyto(self._m, arr))

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self.get().tobytes(order)

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, format_spec: str) -> str:
        return format(self.get(), format_spec)

    def __reduce__(self) -> Any:
        return _restored, (self.get(),)

    # --- indexing -----------------------------------------------------------------------------

    def __getitem__(self, slices: Any) -> ndarray:
        memory(self)
        key, advanced = place_in(self._m.shape, slices)
        if not advanced:
            return self._view(self._m[key])
        return wrap(made(lambda: np.asarray(self._m[place_in(self._m.shape, slices)[0]])))

    def __setitem__(self, slices: Any, value: Any) -> None:
        memory(self)
        advanced = place_in(self._m.shape, slices)[1]
        if type(value) is ndarray:
            value = memory(value)
        elif np.ndim(value) and not advanced:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        else:
            value = np.asarray(value)

        def work() -> None:
            key = place_in(self._m.shape, slices)[0]
            self._m[key] = value.astype(self.dtype)  # whatever it is, as a GPU casts

        changed(work)

    # --- NumPy's functions --------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        found = getattr(_namespace(), ufunc.__name__, None)
        if found is None:
            return NotImplemented
        if "out" in kwargs:
            if len(kwargs["out"]) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = kwargs["out"][0]
        if ufunc.__name__ in _COMPARISONS:  # as CuPy: numbers of NumPy without dimensions
            inputs = tuple(
                x.item() if isinstance(x, np.ndarray) and not x.ndim else x for x in inputs
            )
        return (found if method == "__call__" else getattr(found, method))(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        found: Any = _namespace()
        for name in [*func.__module__.split(".")[1:], func.__name__]:
            found = getattr(found, name, None)
        if found is None or found is func:
            return NotImplemented
        if any(t not in (ndarray, np.ndarray) for t in types):
            return NotImplemented
        return found(*args, **kwargs)

    # --- methods that are not functions too ---------------------------------------------------

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: Any = None,
        subok: Any = None,
        copy: bool = True,
    ) -> ndarray:
        if subok is not None:
            raise TypeError("subok is not supported yet")
        dtype = allowed_dtype(dtype)
        if not copy and dtype == self.dtype:
            return self
        return wrap(made(lambda: memory(self).astype(dtype, order)))

    def copy(self, order: str = "C") -> ndarray:
        with cuda.Device(self._device):
            return wrap(made(lambda: self._m.copy(order)))

    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return self._view(self._m.view() if dtype is None else self._m.view(allowed_dtype(dtype)))

    def fill(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            if value.shape:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            value = value.item()
        memory(self)
        value = memory(value)
        changed(lambda: self._m.fill(value))

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> ndarray:
        return _namespace().reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> ndarray:
        return self._view(self._m.transpose(*axes))

    def swapaxes(self, axis1: int, axis2: int) -> ndarray:
        return self._view(self._m.swapaxes(axis1, axis2))

    def flatten(self, order: str = "C") -> ndarray:
        return wrap(made(lambda: self._m.flatten(order)))

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        changed(lambda: self._m.sort(axis))

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> ndarray:
        return _namespace().clip(self, min, max, out)

    def scatter_add(self, slices: Any, value: Any) -> None:
        _namespace().add.at(self, slices, value)

    def argmax(
        self, axis: Any = None, out: Any = None, dtype: Any = None, keepdims: bool = False
    ) -> ndarray:
        return _namespace().argmax(self, axis, dtype, out, keepdims)

    def argmin(
        self, axis: Any = None, out: Any = None, dtype: Any = None, keepdims: bool = False
    ) -> ndarray:
        return _namespace().argmin(self, axis, dtype, out, keepdims)


_COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")

# The methods that are functions of the same name and arguments.
_METHODS = """
all any argsort choose conj cumprod cumsum diagonal dot max mean min nonzero prod ptp put ravel
repeat round searchsorted squeeze std sum take trace var
"""
METHODS = _METHODS.split()


def _namespace() -> Any:
    return MODULE[0]


def _restored(numbers: np.ndarray) -> ndarray:
    return _namespace().asarray(numbers)


def place_in(shape: tuple[int, ...], slices: Any) -> tuple[Any, bool]:
    """A key for NumPy, and whether it gathers: integers in arrays wrap around, as on a GPU."""
    keys = [_key(k) for k in (slices if isinstance(slices, tuple) else (slices,))]
    arrays = [k for k in keys if isinstance(k, np.ndarray)]
    if len(arrays) > 1 and any(k.dtype == bool for k in arrays):
        raise ValueError("currently, CuPy only supports slices that consist of one boolean array.")
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)  # gives a view rather than a number of NumPy's
    taken = sum(map(_taken, keys))
    if taken > len(shape):
        raise IndexError("too many indices for array")
    axis, found = 0, []
    for k in keys:
        if isinstance(k, np.ndarray) and k.dtype != bool and shape[axis]:
            k = k % shape[axis]
        found.append(k)
        axis += len(shape) - taken if k is Ellipsis else _taken(k)
    return tuple(found), bool(arrays)


def _taken(k: Any) -> int:
    """How many dimensions a part of a key takes."""
    if isinstance(k, np.ndarray) and k.dtype == bool:
        return k.ndim
    return int(k is not None and k is not Ellipsis)


def _key(k: Any) -> Any:
    """A part of a key as NumPy takes it."""
    if type(k) is ndarray:
        k = memory(k)
        if k.dtype == bool:
            synchronize("a boolean mask")
    elif isinstance(k, (list, bool, np.bool_)):
        k = np.asarray(k) if k != [] else np.empty(0, np.int32)
    if isinstance(k, np.ndarray) and k.dtype.kind not in "biu":
        raise IndexError(
            f"arrays used as indices must be of integer or boolean type. (actual: {k.dtype.type})"
        )
    return k
