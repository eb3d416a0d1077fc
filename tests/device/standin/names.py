"""The functions of the stand-in: for each the arguments that CuPy 14 gives it.

A `!` marks what has to be an array of the device, a `+` what has to be a list of them; anything
else may be one. `test_standin.py` holds every line against an installed CuPy.
"""

from __future__ import annotations

# What makes arrays: these alone may read arrays of the host.
MAKERS = {
    "arange": "start, stop=None, step=1, dtype=None",
    "array": "obj, dtype=None, copy=True, order='K', subok=False, ndmin=0, *, blocking=False",
    "asarray": "a, dtype=None, order=None, *, copy=None, blocking=False",
    "ascontiguousarray": "a, dtype=None",
    "asfortranarray": "a, dtype=None",
    "empty": "shape, dtype=float, order='C'",
    "eye": "N, M=None, k=0, dtype=float, order='C'",
    "full": "shape, fill_value, dtype=None, order='C'",
    "identity": "n, dtype=float",
    "linspace": "start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0",
    "ones": "shape, dtype=float, order='C'",
    "tri": "N, M=None, k=0, dtype=float",
    "triu_indices": "n, k=0, m=None",
    "tril_indices": "n, k=0, m=None",
    "zeros": "shape, dtype=float, order='C'",
}

FUNCTIONS = {
    "all": "a!, axis=None, out=None, keepdims=False",
    "allclose": "a!, b, rtol=1e-05, atol=1e-08, equal_nan=False",
    "amax": "a!, axis=None, out=None, keepdims=False",
    "amin": "a!, axis=None, out=None, keepdims=False",
    "any": "a!, axis=None, out=None, keepdims=False",
    "append": "arr!, values, axis=None",
    "argmax": "a!, axis=None, dtype=None, out=None, keepdims=False",
    "argmin": "a!, axis=None, dtype=None, out=None, keepdims=False",
    "argsort": "a!, axis=-1, kind=None",
    "argwhere": "a!",
    "array_equal": "a1!, a2!, equal_nan=False",
    "atleast_1d": "*arys",
    "atleast_2d": "*arys",
    "average": "a!, axis=None, weights=None, returned=False, *, keepdims=False",
    "bincount": "x!, weights=None, minlength=None",
    "broadcast_arrays": "*args",
    "broadcast_to": "array!, shape",
    "choose": "a!, choices, out=None, mode='raise'",
    "clip": "a!, a_min, a_max, out=None",
    "concatenate": "tup+, axis=0, out=None, *, dtype=None, casting='same_kind'",
    "copyto": "dst!, src, casting='same_kind', where=None",
    "count_nonzero": "a!, axis=None",
    "cumprod": "a!, axis=None, dtype=None, out=None",
    "cumsum": "a!, axis=None, dtype=None, out=None",
    "delete": "arr!, indices, axis=None",
    "diag": "v!, k=0",
    "diagonal": "a!, offset=0, axis1=0, axis2=1",
    "diff": "a!, n=1, axis=-1, prepend=None, append=None",
    "dot": "a!, b!, out=None",
    "dstack": "tup+",
    "einsum": "*operands, **kwargs",
    "empty_like": "prototype!, dtype=None, order='K', subok=None, shape=None",
    "expand_dims": "a!, axis",
    "fill_diagonal": "a!, val, wrap=False",
    "flatnonzero": "a!",
    "flip": "a!, axis=None",
    "full_like": "a!, fill_value, dtype=None, order='K', subok=None, shape=None",
    "hstack": "tup+, *, dtype=None, casting='same_kind'",
    "imag": "val!",
    "inner": "a!, b!",
    "isclose": "a!, b, rtol=1e-05, atol=1e-08, equal_nan=False",
    "isin": "element!, test_elements, assume_unique=False, invert=False",
    "lexsort": "keys",
    "matmul": "*args, axes=None, axis=None, keepdims=False, casting='same_kind', dtype=None, "
    "signature=None, order='K', out=None",
    "max": "a!, axis=None, out=None, keepdims=False",
    "may_share_memory": "a!, b!, max_work=None",
    "mean": "a!, axis=None, dtype=None, out=None, keepdims=False",
    "median": "a!, axis=None, out=None, overwrite_input=False, keepdims=False",
    "meshgrid": "*xi, **kwargs",
    "min": "a!, axis=None, out=None, keepdims=False",
    "moveaxis": "a!, source, destination",
    "nan_to_num": "x, copy=True, nan=0.0, posinf=None, neginf=None",
    "nanmax": "a!, axis=None, out=None, keepdims=False",
    "nanmin": "a!, axis=None, out=None, keepdims=False",
    "nansum": "a!, axis=None, dtype=None, out=None, keepdims=False",
    "ndim": "a",
    "nonzero": "a!",
    "ones_like": "a!, dtype=None, order='K', subok=None, shape=None",
    "outer": "a!, b!, out=None",
    "percentile": "a!, q, axis=None, out=None, overwrite_input=False, method='linear', "
    "keepdims=False, *, interpolation=None",
    "polyval": "p!, x!",
    "prod": "a!, axis=None, dtype=None, out=None, keepdims=False",
    "ptp": "a!, axis=None, out=None, keepdims=False",
    "put": "a!, ind, v, mode='wrap'",
    "put_along_axis": "arr!, indices!, values, axis",
    "putmask": "a!, mask!, values",
    "quantile": "a!, q, axis=None, out=None, overwrite_input=False, method='linear', "
    "keepdims=False, *, interpolation=None",
    "ravel": "a!, order='C'",
    "ravel_multi_index": "multi_index, dims, mode='wrap', order='C'",
    "real": "val!",
    "repeat": "a!, repeats, axis=None",
    "reshape": "a!, newshape, order='C', *, copy=None",
    "resize": "a!, new_shape",
    "result_type": "*arrays_and_dtypes",
    "roll": "a!, shift, axis=None",
    "rot90": "a!, k=1, axes=(0, 1)",
    "round": "a!, decimals=0, out=None",
    "searchsorted": "a!, v!, side='left', sorter=None",
    "shape": "a",
    "shares_memory": "a!, b!, max_work=None",
    "sort": "a!, axis=-1, kind=None",
    "split": "ary!, indices_or_sections, axis=0",
    "squeeze": "a!, axis=None",
    "stack": "tup+, axis=0, out=None, *, dtype=None, casting='same_kind'",
    "std": "a!, axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "sum": "a!, axis=None, dtype=None, out=None, keepdims=False",
    "swapaxes": "a!, axis1, axis2",
    "take": "a!, indices, axis=None, out=None",
    "take_along_axis": "a!, indices!, axis",
    "tensordot": "a!, b!, axes=2",
    "tile": "A!, reps",
    "trace": "a!, offset=0, axis1=0, axis2=1, dtype=None, out=None",
    "transpose": "a!, axes=None",
    "tril": "m!, k=0",
    "triu": "m!, k=0",
    "unique": "ar!, return_index=False, return_inverse=False, return_counts=False, axis=None, "
    "*, equal_nan=True",
    "unravel_index": "indices!, dims, order='C'",
    "var": "a!, axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "vdot": "a!, b!",
    "vstack": "tup+, *, dtype=None, casting='same_kind'",
    "where": "condition!, x=None, y=None",
    "zeros_like": "a!, dtype=None, order='K', subok=None, shape=None",
}

# Of what NumPy has under the same name, what gives no arrays and reads none.
_FACTS = """
bool_ broadcast_shapes can_cast complex128 complex64 e finfo float16 float32 float64 iinfo inf int16
int32 int64 int8 integer intp isscalar nan ndindex newaxis pi s_ uint16 uint32 uint64 uint8
"""
FACTS = _FACTS.split()

_UFUNCS = """
abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and
bitwise_count bitwise_not bitwise_or bitwise_xor cbrt ceil conjugate copysign cos cosh deg2rad
degrees divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp
gcd greater greater_equal heaviside hypot invert isfinite isinf isnan lcm ldexp left_shift less
less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
maximum minimum mod modf multiply negative nextafter not_equal positive power rad2deg radians
reciprocal remainder right_shift rint sign signbit sin sinh sqrt square subtract tan tanh
true_divide trunc
"""
UFUNCS = _UFUNCS.split()

# The methods of ufuncs that there are.
UFUNC_METHODS = {
    "add": ("reduce", "accumulate", "reduceat", "at"),
    "bitwise_and": ("at",),
    "bitwise_or": ("at",),
    "bitwise_xor": ("at",),
    "maximum": ("at",),
    "minimum": ("at",),
    "multiply": ("reduce", "accumulate"),
    "subtract": ("at",),
}

LINALG = {
    "cholesky": "a!",
    "det": "a!",
    "eigh": "a!, UPLO='L'",
    "eigvalsh": "a!, UPLO='L'",
    "inv": "a!",
    "norm": "x!, ord=None, axis=None, keepdims=False",
    "pinv": "a!, rcond=1e-15",
    "qr": "a!, mode='reduced'",
    "slogdet": "a!",
    "solve": "a!, b!",
    "svd": "a!, full_matrices=True, compute_uv=True",
}
