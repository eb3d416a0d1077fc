"""The named results of operations that give several: tuples with fields, as PyTorch's (floor 1).

`values, indices = x.max(0)` takes one apart like any tuple, `x.max(0).values` names a field.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any


class Named(tuple[Any, ...]):
    """What is common to all of them: a print with a line for each field."""

    __slots__ = ()
    _fields: tuple[str, ...]

    def __repr__(self) -> str:
        fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"chainrule.return_types.{type(self).__name__}(\n{fields})"


def _named(name: str, *fields: str) -> Any:
    """The class of the results of operation `name`, which have these fields."""
    about = {"__slots__": (), "__doc__": f"What `{name}` gives: {', '.join(fields)}."}
    return type(name, (Named, namedtuple(name, fields)), about)


_ORDERED = ("values", "indices")

max = _named("max", *_ORDERED)
min = _named("min", *_ORDERED)
sort = _named("sort", *_ORDERED)
topk = _named("topk", *_ORDERED)
kthvalue = _named("kthvalue", *_ORDERED)
median = _named("median", *_ORDERED)
nanmedian = _named("nanmedian", *_ORDERED)
mode = _named("mode", *_ORDERED)
cummax = _named("cummax", *_ORDERED)
cummin = _named("cummin", *_ORDERED)
aminmax = _named("aminmax", "min", "max")
frexp = _named("frexp", "mantissa", "exponent")
histogram = _named("histogram", "hist", "bin_edges")
qr = _named("qr", "Q", "R")
svd = _named("svd", "U", "S", "V")
linalg_svd = _named("linalg_svd", "U", "S", "Vh")
linalg_qr = _named("linalg_qr", "Q", "R")
linalg_eigh = _named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_slogdet = _named("linalg_slogdet", "sign", "logabsdet")
linalg_lstsq = _named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = _named("linalg_lu", "P", "L", "U")
linalg_inv_ex = _named("linalg_inv_ex", "inverse", "info")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L", "info")
