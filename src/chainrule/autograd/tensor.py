"""`Tensor`: an array that remembers how it was made (floor 2).

What it can compute is in `methods`, how gradients are found in `tape`; here is the object itself:
making one, looking at it, going to NumPy and back. Changing it in place is in `inplace`.
"""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any, SupportsIndex

import numpy as np

from chainrule import ops
from chainrule.autograd.functions import sizes_of
from chainrule.autograd.inplace import InPlace, forward_only
from chainrule.autograd.printing import text
from chainrule.autograd.tape import (
    Hook,
    Node,
    Traced,
    hear_leaves,
    leave_gradients,
    wrap,
)
from chainrule.backend import pinned
from chainrule.backend.arrays import as_array, is_gpu, module_of, to_host
from chainrule.backend.devices import (
    CPU,
    available,
    device,
    device_of,
    get_default_device,
    here,
    moved,
    names_device,
    placeable_like,
)
from chainrule.backend.dtypes import TENSOR_TYPES, DType, as_dtype, get_default_dtype
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.ops.core import LISTENERS, SETTINGS, constant, tell
from chainrule.ops.transfer import transfer

__all__ = ["Size", "Tensor", "as_tensor", "from_numpy", "tensor"]

# NumPy's functions by the op that does the same, so that np.exp(tensor) keeps the tape.
_UFUNCS: dict[Any, Any] = {
    np.add: ops.add,
    np.subtract: ops.sub,
    np.multiply: ops.mul,
    np.true_divide: ops.div,
    np.floor_divide: ops.floor_divide,
    np.remainder: ops.remainder,
    np.power: ops.pow,
    np.matmul: ops.matmul,
    np.negative: ops.neg,
    np.absolute: ops.abs,
    np.sign: ops.sign,
    np.square: ops.square,
    np.sqrt: ops.sqrt,
    np.reciprocal: ops.reciprocal,
    np.exp: ops.exp,
    np.exp2: ops.exp2,
    np.expm1: ops.expm1,
    np.log: ops.log,
    np.log2: ops.log2,
    np.log10: ops.log10,
    np.log1p: ops.log1p,
    np.logaddexp: ops.logaddexp,
    np.sin: ops.sin,
    np.cos: ops.cos,
    np.tan: ops.tan,
    np.arcsin: ops.asin,
    np.arccos: ops.acos,
    np.arctan: ops.atan,
    np.arctan2: ops.atan2,
    np.sinh: ops.sinh,
    np.cosh: ops.cosh,
    np.tanh: ops.tanh,
    np.arcsinh: ops.asinh,
    np.arccosh: ops.acosh,
    np.arctanh: ops.atanh,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.floor: ops.floor,
    np.ceil: ops.ceil,
    np.rint: ops.round,
    np.trunc: ops.trunc,
    np.equal: ops.eq,
    np.not_equal: ops.ne,
    np.less: ops.lt,
    np.less_equal: ops.le,
    np.greater: ops.gt,
    np.greater_equal: ops.ge,
    np.logical_and: ops.logical_and,
    np.logical_or: ops.logical_or,
    np.logical_xor: ops.logical_xor,
    np.logical_not: ops.logical_not,
    np.isnan: ops.isnan,
    np.isfinite: ops.isfinite,
}


# Two methods of tensors have the names of these types.
_BOOL, _INT = bool, int

# What a tensor knows about others that see its memory, which a copy of it does not share.
_OF_A_VIEW = ("base", "way", "seen", "shared")


class Size(tuple[int, ...]):
    """A shape: a tuple that also counts its elements."""

    def numel(self) -> int:
        """Return the number of elements of something of this shape."""
        return math.prod(self)


class Hold:
    """What `register_hook` returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: list[Hook], hook: Hook) -> None:
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        """Take the hook away."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)
            SETTINGS.changes += 1


class Tensor(InPlace):
    """An array of numbers that can say how it was computed, and so be differentiated.

    Args:
        content: numbers, nested lists, an array or a tensor, which is copied; or integers, the
            sizes of a tensor of zeros.
        dtype: the format; by default float32 for Python's numbers, and an array's own. (The
            function `tensor` keeps integers, and takes them for numbers.)
        requires_grad: whether `backward` should leave a gradient here.

    Examples:
        >>> x = Tensor([2.0], requires_grad=True)
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([4.])
        >>> Tensor(2, 3).shape, Tensor([2, 3]).tolist()
        ((2, 3), [2.0, 3.0])
    """

    def __init__(self, *content: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        if len(content) == 1 and not isinstance(content[0], (int, Size)):
            found = _array_of(content[0], dtype)
            if dtype is None and isinstance(content[0], (list, tuple)) and found.dtype.kind in "iu":
                found = found.astype(get_default_dtype())
        else:
            sizes = sizes_of(content or (0,))
            found = constant(here().zeros(sizes, as_dtype(dtype or get_default_dtype())))
        self.array = _copied(found)
        if requires_grad:
            self.requires_grad_()

    # --- looking --------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self.array.shape)

    @property
    def dtype(self) -> DType:
        """The format of the numbers."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    @property
    def device(self) -> device:
        """Where the numbers are."""
        return device_of(self.array)

    @property
    def is_cuda(self) -> Any:
        """Whether the numbers are on a GPU."""
        return is_gpu(self.array)

    @property
    def is_cpu(self) -> Any:
        """Whether the numbers are in the processor's memory."""
        return not is_gpu(self.array)

    is_mps = is_xpu = is_meta = False
    is_sparse = is_quantized = False
    layout = "strided"

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one dimension."""
        return self.shape if dim is None else self.array.shape[dim]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.array.ndim

    ndimension = dim

    def numel(self) -> int:
        """Return the number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        """Return the bytes of one element."""
        return self.array.itemsize

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.array.nbytes

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        inside: Any = self.array
        return int(inside.data.ptr if is_gpu(inside) else inside.ctypes.data)

    def get_device(self) -> int:
        """Return the number of the GPU that the numbers are on: -1 for none."""
        number = self.device.index
        return -1 if number is None else number

    def is_floating_point(self) -> bool:
        """Say whether the numbers are floating-point ones."""
        return self.array.dtype.kind == "f"

    def is_contiguous(self) -> bool:
        """Say whether the numbers lie in one stretch of memory, in order."""
        return bool(self.array.flags.c_contiguous)

    def stride(self) -> tuple[int, ...]:
        """Return the elements to skip from one index to the next, for each dimension."""
        return tuple(s // self.array.itemsize for s in self.array.strides)

    def __repr__(self) -> str:
        if LISTENERS:
            tell("number", "print", self.array)
        notes = []
        usual = {get_default_dtype(), np.dtype(np.int64), np.dtype(np.bool_)}
        if self.array.dtype not in (usual if self.array.size else {get_default_dtype()}):
            notes.append(f"dtype={self.array.dtype}")
        if is_gpu(self.array):
            notes.insert(0, f"device='{self.device}'")
        if self.node is not None:
            notes.append(f"grad_fn={self.node}")
        elif self.needs_grad:
            notes.append("requires_grad=True")
        return text(to_host(self.array), notes)

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0 and (spec or type(self) is Tensor):  # a parameter prints as itself
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __len__(self) -> int:
        if not self.array.ndim:
            raise TypeError("a tensor without dimensions has no length; use .numel() or .item()")
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise TypeError("a tensor without dimensions cannot be iterated over; use .item()")
        return (self[i] for i in range(len(self.array)))

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise GradientError(
                "a copy of a computed tensor would be one of all that it was computed from; "
                "use .clone(), or .detach().clone() for the numbers alone"
            )
        out: Tensor = object.__new__(type(self))
        memo[id(self)] = out
        own = {name: v for name, v in vars(self).items() if name not in _OF_A_VIEW}
        vars(out).update(copy.deepcopy(own, memo))
        return out

    def __contains__(self, value: Any) -> bool:
        return bool(self.eq(as_tensor(value)).any())

    def __bool__(self) -> bool:
        return bool(self._only("bool()"))

    def __float__(self) -> float:
        return float(self._only("float()"))

    def __int__(self) -> int:
        return int(self._only("int()"))

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors can be an index, got {self.array.dtype}")
        return int(self._only("an index"))

    def __round__(self, ndigits: SupportsIndex | None = None) -> Any:
        return round(float(self), ndigits) if ndigits is not None else self.round()

    def _only(self, purpose: str) -> Any:
        if self.array.size != 1:
            raise ShapeError(
                f"{purpose} takes a tensor of one element, got shape {self.array.shape}; "
                "reduce it first, for example with .sum(), .any() or .all()"
            )
        if LISTENERS:
            tell("number", purpose, self.array)
        return self.array.reshape(()).item()

    def item(self) -> Any:
        """Return the one element as a Python number.

        Raises:
            ShapeError: there is more than one.
        """
        return self._only("item()")

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        if LISTENERS:
            tell("number", "tolist()", self.array)
        return self.array.tolist()

    # --- NumPy ----------------------------------------------------------------------------------

    def numpy(self) -> ops.Array:
        """Return the array inside: the same memory.

        Raises:
            GradientError: a gradient is wanted, and would be lost on the way; use
                `.detach().numpy()`.
            OptionError: the numbers are on a GPU; use `.cpu()` first.
        """
        if self.needs_grad:
            raise GradientError(
                "numpy() on a tensor that needs a gradient would lose it; use x.detach().numpy()"
            )
        self._at_home("numpy()")
        if LISTENERS:
            tell("number", "numpy()", self.array)
        return self.array

    def _at_home(self, what: str) -> None:
        if is_gpu(self.array):
            raise OptionError(
                f"{what} takes the numbers from the processor's memory, these are on "
                f"'{self.device}'; use x.cpu() to copy them first"
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ops.Array:
        self._at_home("NumPy")
        if LISTENERS:
            tell("number", "NumPy", self.array)
        return np.array(self.array, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        op = _UFUNCS.get(ufunc)
        if op is None or method != "__call__" or kwargs:
            plain = [np.asarray(x) for x in inputs]
            return getattr(ufunc, method)(*plain, **kwargs)
        return op(*inputs)

    # --- formats --------------------------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the tensor on another device, in another dtype, or as another tensor is.

        `to(dtype)`, `to(device)`, `to(device, dtype)` and `to(other)`, each also with
        `non_blocking` and `copy`, and all of them by keyword. The gradient goes back to where the
        tensor is. A copy to a GPU is put into its queue, which `non_blocking` asks for; one from
        there is waited for in any case.

        Raises:
            OptionError: a device that is not available.

        Examples:
            >>> tensor([1, 2]).to("cpu", np.float64).dtype
            dtype('float64')
        """
        flags = [a for a in args if isinstance(a, _BOOL)]
        wishes = [a for a in args if not isinstance(a, _BOOL)]
        wishes += [kwargs.get(name) for name in ("device", "dtype", "other")]
        out = self
        for wish in wishes:
            if isinstance(wish, Tensor):
                out = out.type(wish.dtype)._on(wish.device)
            elif names_device(wish):
                out = out._on(available(wish))
            elif wish is not None:
                out = out.type(wish)
        copied = kwargs.get("copy", len(flags) > 1 and flags[1])
        return ops.clone(self) if copied and out is self else out

    def _on(self, where: Any) -> Any:
        """The tensor on a device that is there: itself, if it is."""
        return self if where is CPU and not is_gpu(self.array) else transfer(self, to=where)

    def type(self, dtype: Any = None, non_blocking: Any = False) -> Any:
        """Return the tensor in another dtype, or, without one, the name of what it is.

        Examples:
            >>> tensor([1.0]).type(np.int64)
            tensor([1])
            >>> tensor([1.0]).type()
            'chainrule.FloatTensor'
        """
        if dtype is None:
            name = next((n for n, d in TENSOR_TYPES.items() if d == self.array.dtype), "Tensor")
            return f"chainrule.{name}"
        wanted = as_dtype(dtype)
        return self if wanted == self.array.dtype else ops.cast(self, dtype=wanted)

    def type_as(self, other: Tensor) -> Tensor:
        """Return the tensor in the dtype of `other`."""
        return self.to(other)

    def float(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in float32."""
        return self.to(np.float32)

    def double(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in float64."""
        return self.to(np.float64)

    def half(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in float16."""
        return self.to(np.float16)

    def byte(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in uint8."""
        return self.to(np.uint8)

    def char(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in int8."""
        return self.to(np.int8)

    def short(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in int16."""
        return self.to(np.int16)

    def int(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in int32."""
        return self.to(np.int32)

    def long(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in int64."""
        return self.to(np.int64)

    def bool(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as truth values: nonzero is true."""
        return self.to(np.bool_)

    def bfloat16(self, memory_format: Any = None) -> Tensor:
        """Refuse.

        Raises:
            OptionError: NumPy has no such numbers.
        """
        raise OptionError("there is no bfloat16 here; .half() converts to float16")

    def cpu(self, memory_format: Any = None) -> Tensor:
        """Return the tensor in the processor's memory: itself, if it is there."""
        return self._on(CPU)

    def cuda(self, device: Any = None, non_blocking: Any = False) -> Tensor:
        """Return the tensor on a GPU: the one of that number, or the current one.

        Raises:
            OptionError: there is none.
        """
        return self.to("cuda" if device is None else device)

    def pin_memory(self, device: Any = None) -> Tensor:
        """Return the tensor in memory that a GPU copies from while the processor goes on.

        Where there is no GPU, or the memory is of that kind, it is the tensor itself.

        Raises:
            OptionError: the numbers are on a GPU.
        """
        self._at_home("pin_memory()")
        array = pinned.pinned(self.array)
        return self if array is self.array else wrap(array)

    def is_pinned(self, device: Any = None) -> Any:
        """Whether the memory is of the kind that `pin_memory` gives."""
        return pinned.is_pinned(self.array)

    def share_memory_(self) -> Tensor:
        """Return the tensor itself."""
        return self

    def resolve_conj(self) -> Tensor:
        """Return the tensor itself, whose numbers are real."""
        return self

    resolve_neg = conj = resolve_conj

    @property
    def real(self) -> Tensor:
        """The tensor itself, whose numbers are real."""
        return self

    # --- gradients ------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> Any:
        """Whether the tensor is, or depends on, a leaf that wants a gradient."""
        return self.needs_grad

    @requires_grad.setter
    def requires_grad(self, wanted: Any) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: Any = True) -> Tensor:
        """Want a gradient here, or not any more, and return the tensor.

        Raises:
            GradientError: the numbers are not floating-point ones, or the tensor is no leaf.
        """
        if requires_grad and self.array.dtype.kind not in "fcO":
            raise GradientError(
                f"only floating-point tensors have gradients, this one is {self.array.dtype}; "
                "make it float first, for example tensor([1.0, 2.0]) or x.float()"
            )
        if self.node is not None and not requires_grad:
            raise GradientError("this tensor was computed from others; use .detach() instead")
        self.needs_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> Any:
        """Whether it was made by a person rather than by a recorded operation."""
        return self.node is None

    @property
    def grad_fn(self) -> Node | None:
        """The recorded operation that made it."""
        return self.node

    def backward(
        self,
        gradient: Any = None,
        retain_graph: Any = None,
        create_graph: Any = False,
        inputs: Any = None,
    ) -> None:
        """Add to the `.grad` of every leaf the derivative of this tensor by that leaf.

        Args:
            gradient: the weight of each element, of the tensor's shape; may be left out for one.
            retain_graph: keep what was saved, for another walk; as `create_graph` if `None`.
            create_graph: let the gradients be differentiated in turn.
            inputs: one tensor or several, to which alone to add; all leaves if `None`.

        Raises:
            GradientError: nothing here needs a gradient, the tensor has several elements and no
                `gradient` was given, or the graph was freed or changed.

        Examples:
            >>> x = tensor(2.0, requires_grad=True)
            >>> (x**2).backward()
            >>> x.grad
            tensor(4.)
        """
        start = seed(self, gradient, create_graph)
        retain = bool(create_graph) if retain_graph is None else bool(retain_graph)
        only = [inputs] if isinstance(inputs, Tensor) else inputs
        leave_gradients([self], [start], only, retain_graph=retain, create_graph=bool(create_graph))

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Hold:
        """Call `hook(gradient)` when the gradient here is complete; what it returns replaces it.

        Raises:
            GradientError: the tensor needs no gradient.
        """
        if not self.needs_grad:
            raise GradientError("this tensor needs no gradient, so there is nothing to hook on to")
        holder: Any = self if self.node is None else self.node
        if holder.hooks is None:
            holder.hooks = []
        holder.hooks.append(hook)
        SETTINGS.changes += self.node is None
        return Hold(holder.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> Hold:
        """Call `hook(tensor)` whenever `backward` has added to the `.grad` of this leaf.

        It is called as soon as that is complete, while `backward` goes on for other tensors.

        Raises:
            GradientError: it is no leaf that wants a gradient.

        Examples:
            >>> x = tensor([1.0], requires_grad=True)
            >>> _ = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
            >>> (2 * x).backward()
            tensor([2.])
        """
        if not self.needs_grad or self.node is not None:
            raise GradientError(
                "only a leaf that wants a gradient has one added up, and this tensor is none; "
                "register_hook(hook) sees the gradient of any"
            )
        if self.after is None:
            self.after = []
        self.after.append(hook)
        hear_leaves()
        return Hold(self.after, hook)

    @property
    def retains_grad(self) -> Any:
        """Whether the tensor keeps its gradient although it is no leaf."""
        return self.node is not None and self.node.keeper is not None

    def retain_grad(self) -> None:
        """Keep the gradient in `.grad` although the tensor is no leaf."""
        if not self.needs_grad:
            raise GradientError("this tensor needs no gradient, so there is none to retain")
        if self.node is not None:
            self.node.keeper = weakref.ref(self)

    def detach(self) -> Tensor:
        """Return the same numbers, in the same memory, without their history."""
        if LISTENERS:
            tell("tensors", (self,))
        self.shared = True
        out: Tensor = wrap(self.array)
        if self.needs_grad:
            out.lost = "detach()"
        return out

    def detach_(self) -> Tensor:
        """Forget the history, in place.

        Raises:
            GradientError: the tensor is a view, and its base would still have it.
        """
        if self.base is not None and self.node is not None:
            raise GradientError("a view cannot forget its history alone; use .detach()")
        self.node, self.needs_grad = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same numbers without their history; assigning replaces them.

        What is changed through it goes unnoticed: a gradient that needs the old numbers takes the
        new ones.
        """
        if self.used is not None:
            self.used = None
        out = self.detach()
        out.watched = False
        return out

    @data.setter
    def data(self, value: Any) -> None:
        self.array = _array_of(value)

    # --- indexing -------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        static, arrays = ops.split_key(forward_only(key), self.array.shape)
        if arrays:
            return ops.index(self, *arrays, key=static)
        if len(static) == self.array.ndim and all(type(k) is int for k in static):
            static = (*static, ...)  # with which a single element is a view too
        return ops.slice(self, key=static)

    # --- new ones like this one -----------------------------------------------------------------

    def new_tensor(
        self, data: Any, dtype: Any = None, requires_grad: Any = False, device: Any = None
    ) -> Tensor:
        """Return `data` as a tensor in this tensor's dtype, and where it is."""
        where = self.device if device is None else device
        return tensor(data, dtype=dtype or self.dtype, requires_grad=requires_grad, device=where)

    def new_full(
        self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, **more: Any
    ) -> Tensor:
        """Return `fill_value` in shape `size`, this tensor's dtype, and where it is."""
        wanted = self.dtype if dtype is None else as_dtype(dtype)
        shape = tuple(map(_INT, size if isinstance(size, (tuple, list)) else (size,)))
        with self.device if device is None else available(device):
            out: Tensor = wrap(constant(here().full(shape, fill_value, wanted)))
        return out.requires_grad_(more.get("requires_grad", False))

    def new_zeros(self, *size: Any, **how: Any) -> Tensor:
        """Return zeros of shape `size` in this tensor's dtype.

        Examples:
            >>> tensor([1]).new_zeros(2)
            tensor([0, 0])
        """
        return self.new_full(sizes_of(size or (how.pop("size"),)), 0, **how)

    def new_ones(self, *size: Any, **how: Any) -> Tensor:
        """Return ones of shape `size` in this tensor's dtype."""
        return self.new_full(sizes_of(size or (how.pop("size"),)), 1, **how)

    new_empty = new_zeros

    def new(self, *content: Any) -> Tensor:
        """Return a tensor in this dtype: of these sizes, of this content, or empty."""
        if len(content) == 1 and not isinstance(content[0], (_INT, np.integer, Size)):
            return self.new_tensor(content[0])
        return self.new_zeros(*(content or (0,)))


Traced.plain = Tensor


def _array_of(data: Any, dtype: Any = None) -> ops.Array:
    """The numbers in `data` as an array, in the format that PyTorch would give them."""
    if isinstance(data, Traced):
        if LISTENERS:
            tell("tensors", (data,))
        found = data.array
    elif isinstance(data, np.ndarray) or is_gpu(data):
        found = data
    else:
        found = constant(_of_lists(data, rounded=dtype is None))
    if found.dtype.kind not in "fiubcO":
        raise OptionError(f"a tensor holds numbers, got {found.dtype}: {data!r:.60}")
    return found if dtype is None else as_array(ops.cast(found, dtype=as_dtype(dtype)))


def _copied(array: ops.Array) -> ops.Array:
    """A copy of an array, where it is."""
    if LISTENERS or is_gpu(array):
        return as_array(ops.clone(array))
    return np.array(array)


def _of_lists(data: Any, *, rounded: bool) -> ops.Array:
    """The numbers in nested lists; `rounded`: Python's floats in the default format."""
    try:
        found = np.array(_unwrapped(data))
    except ValueError as error:
        raise ShapeError(
            f"nested lists must all have the same length at each depth: {error}"
        ) from None
    inner = data
    while isinstance(inner, (list, tuple)) and inner:
        inner = inner[0]
    plain = not isinstance(inner, (np.ndarray, np.generic, Traced))
    default = rounded and plain and found.dtype.kind == "f"
    return found.astype(get_default_dtype()) if default else found


def _unwrapped(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_unwrapped(v) for v in data]
    if not isinstance(data, Traced):
        return data
    if LISTENERS:
        tell("number", "a list", data.array)
    return to_host(data.array)


def _lost_at(what: str) -> str:
    """Why a tensor needs no gradient, and what to do."""
    if what == "no_grad()":
        return "it was computed inside no_grad(); compute it outside of the block"
    if what == "detach()":
        return "detach() has cut off how it was computed; call backward() on what it was taken from"
    if what:
        return f"{what} has no derivative; compute the loss by operations that have one"
    return (
        "none of the tensors it was computed from has requires_grad=True, as the parameters of a "
        "module have, or it is itself a gradient and was taken without create_graph=True; a tensor "
        "made anew, as by tensor(loss), does not know how the numbers in it were computed"
    )


def seed(root: Tensor, gradient: Any, create_graph: Any) -> Any:
    """Return where a walk back from `root` starts: `gradient`, checked, or 1 for one element."""
    if not root.needs_grad:
        raise GradientError(f"nothing here needs a gradient: {_lost_at(root.lost)}")
    if gradient is None:
        if root.array.size != 1:
            raise GradientError(
                f"backward() starts from one number, this tensor has shape {root.array.shape}; "
                "reduce it first, for example with .mean(), or give gradient="
            )
        start = constant(module_of(root.array).ones(root.array.shape, root.array.dtype))
    else:
        start = _array_of(gradient)
        if start.shape != root.array.shape:
            raise ShapeError(
                f"the gradient has shape {start.shape}, the tensor {root.array.shape}; "
                "they must be equal"
            )
        if start.dtype != root.array.dtype:
            start = as_array(ops.cast(start, dtype=root.array.dtype))
    if create_graph:
        return gradient if isinstance(gradient, Traced) else wrap(start)
    return start


@placeable_like
def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor with a copy of `data`.

    Args:
        data: numbers, nested lists, an array or a tensor.
        dtype: the format; by default float32 for Python's floats, int64 for its integers, and an
            array's own.
        requires_grad: whether `backward` should leave a gradient here.

    Raises:
        ShapeError: nested lists of unequal lengths.
        OptionError: `data` holds something else than numbers.

    Examples:
        >>> tensor([[1.0, 2.0], [3.0, 4.0]]).shape
        (2, 2)
    """
    x: Tensor = wrap(_copied(moved(_array_of(data, dtype), get_default_device())))
    return x.requires_grad_() if requires_grad else x


@placeable_like
def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """Return `data` as a tensor, without copying where possible.

    Examples:
        >>> a = np.zeros(2)
        >>> as_tensor(a).numpy() is a
        True
    """
    if isinstance(data, Tensor):
        there = data._on(get_default_device())
        return there if dtype is None else there.to(dtype)
    return wrap(moved(_array_of(data, dtype), get_default_device()))


def from_numpy(array: ops.Array) -> Tensor:
    """Return a tensor that shares the memory of `array`.

    Raises:
        OptionError: it is no NumPy array, or holds no numbers.

    Examples:
        >>> from_numpy(np.array([1.0, 2.0]))
        tensor([1., 2.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise OptionError(f"from_numpy takes a NumPy array, got {type(array).__name__}")
    return wrap(_array_of(array))
