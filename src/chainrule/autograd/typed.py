"""PyTorch's older names for tensors: `FloatTensor` and its like, and `Variable` (floor 2).

Each makes tensors and says whether something is one; the former also stand for a dtype. That is all
that older programs do with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.autograd.tape import wrap
from chainrule.autograd.tensor import Tensor, tensor
from chainrule.backend.dtypes import TENSOR_TYPES, DType
from chainrule.ops.core import constant

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Variable",
]


class TensorType(type):
    """The type of tensors of one format.

    Called with sizes it gives a tensor of that shape, with anything else one of that content.

    Attributes:
        dtype: the format.
    """

    dtype: DType

    def __call__(cls, *content: Any) -> Tensor:
        if len(content) == 1 and not isinstance(content[0], (int, np.integer)):
            return tensor(content[0], dtype=cls.dtype)
        out: Tensor = wrap(constant(np.zeros(content or (0,), dtype=cls.dtype)))
        return out

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, Tensor) and thing.dtype == cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'chainrule.{cls.__name__}'>"


def _of(name: str) -> TensorType:
    doc = f"Tensors of {TENSOR_TYPES[name]}."
    return TensorType(name, (), {"dtype": TENSOR_TYPES[name], "__doc__": doc})


FloatTensor = _of("FloatTensor")
DoubleTensor = _of("DoubleTensor")
HalfTensor = _of("HalfTensor")
ByteTensor = _of("ByteTensor")
CharTensor = _of("CharTensor")
ShortTensor = _of("ShortTensor")
IntTensor = _of("IntTensor")
LongTensor = _of("LongTensor")
BoolTensor = _of("BoolTensor")


class _VariableType(type):
    """The type of `Variable`, which makes tensors and counts every tensor as its own."""

    def __call__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        shared = data.detach() if isinstance(data, Tensor) else tensor(data)
        return shared.requires_grad_() if requires_grad else shared

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, Tensor)


class Variable(metaclass=_VariableType):
    """A tensor, by the name it had when it needed another to have gradients.

    Examples:
        >>> x = Variable(tensor([2.0]), requires_grad=True)
        >>> isinstance(x, Variable), x
        (True, tensor([2.], requires_grad=True))
    """
