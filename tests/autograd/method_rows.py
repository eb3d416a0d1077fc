"""How every method of a tensor is called: rows for the tests that try them all.

A row names the arrays, the first of which the method is called on, and the arguments beside them.
"""

from __future__ import annotations

import math

import numpy as np

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.2, 0.9, (3, 4)), RNG.uniform(0.2, 0.9, (3, 4))
SQUARE, VECTOR = RNG.uniform(0.2, 0.9, (4, 4)), RNG.uniform(0.2, 0.9, 4)
SOUND = SQUARE @ SQUARE.T + 2 * np.eye(4)
PLACES = np.array([[0, 1, 2, 0], [1, 1, 0, 2]])
APART = PLACES[:, [0, 2, 1, 3]]  # no place twice
WHOLE, OTHER = RNG.integers(0, 9, (3, 4)), RNG.integers(1, 5, (3, 4))
LIST = np.array([2, 0])
MASK = X > 0.5
HOLES = np.where(MASK, np.nan, X)


def call(*args, on=(X,), **kwargs):
    """How a method is called: on the first array, the other arrays first among its arguments."""
    return on, args, kwargs


def words(text):
    """The words of a text, for lists of names."""
    return text.split()


INDEX = (X, PLACES)
ROWS = {
    **{
        each: [call()]
        for each in words(
            "neg negative positive square sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 "
            "log10 sin cos tan asin acos atan sinh cosh tanh asinh atanh arcsin arccos arctan "
            "arcsinh arctanh erf erfc erfinv lgamma digamma i0 sinc logit deg2rad rad2deg sigmoid "
            "relu abs absolute sign sgn signbit floor ceil round trunc fix frac isnan isfinite "
            "isinf isposinf isneginf isreal nan_to_num clone contiguous t T H mT mH adjoint ravel "
            "sum mean prod nansum nanmean amax amin aminmax argmax argmin argsort var std norm max "
            "min all any sort msort median nanmedian mode cov corrcoef count_nonzero flatten "
            "squeeze logical_not frexp fliplr flipud unbind diagonal diag diag_embed diagflat tril "
            "triu trace nonzero argwhere is_complex is_signed diff unique "
            "unique_consecutive conj conj_physical real resolve_conj resolve_neg angle"
        )
    },
    "renorm": [call(2, 0, 1.0), call(1, 1, 0.5)],
    **{
        each: [call(on=(SOUND,))]
        for each in words("inverse det logdet slogdet cholesky cholesky_inverse matrix_exp")
    },
    **{
        each: [call(on=(X, Y)), call(2.0)]
        for each in words(
            "add sub subtract mul multiply div divide true_divide remainder fmod floor_divide pow "
            "float_power eq ne lt le gt ge not_equal less less_equal greater greater_equal xlogy "
            "copysign"
        )
    },
    **{
        each: [call(on=(X, Y))]
        for each in words(
            "maximum minimum fmax fmin logaddexp logaddexp2 atan2 arctan2 hypot nextafter "
            "logical_and logical_or logical_xor heaviside isclose allclose equal is_same_size dist "
            "igamma igammac"
        )
    },
    **{
        each: [call(on=(WHOLE, OTHER)), call(2, on=(WHOLE,))]
        for each in words(
            "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift"
        )
    },
    "gcd": [call(on=(WHOLE, OTHER))],
    "lcm": [call(on=(WHOLE, OTHER))],
    "bitwise_not": [call(on=(WHOLE,)), call(on=(MASK,))],
    "acosh": [call(on=(X + 1,))],
    "arccosh": [call(on=(X + 1,))],
    "polygamma": [call(2)],
    "ldexp": [call(on=(X, OTHER))],
    "lerp": [call(0.3, on=(X, Y)), call(on=(X, Y, X + Y))],
    "addcmul": [call(on=(X, Y, VECTOR), value=0.5)],
    "addcdiv": [call(on=(X, Y, VECTOR))],
    "where": [call(on=(X, MASK, Y))],
    "isin": [],
    "mvlgamma": [call(2, on=(X + 1,))],
    "masked_fill": [call(-1.0, on=(X, MASK))],
    "clip": [call(0.4, 0.6), call(min=0.4), call(max=0.6)],
    "clamp": [call(0.4, 0.6), call(on=(X, Y))],
    "clamp_min": [call(0.4), call(on=(X, Y))],
    "clamp_max": [call(0.4)],
    "softmax": [call(-1), call(dim=0)],
    "log_softmax": [call(1)],
    "logsumexp": [call(1), call((0, 1), keepdim=True)],
    "histc": [call(4, 0.0, 1.0)],
    "histogram": [call(4, range=(0.0, 1.0))],
    "bincount": [call(on=(np.array([1, 4, 1]),)), call(on=(np.array([0, 2]),), minlength=5)],
    "cumsum": [call(0), call(dim=-1)],
    "cumprod": [call(0), call(dim=-1)],
    "cummax": [call(0)],
    "cummin": [call(dim=1)],
    "logcumsumexp": [call(1)],
    "topk": [call(2), call(1, dim=0, largest=False)],
    "kthvalue": [call(2), call(1, dim=0, keepdim=True)],
    "quantile": [call(0.3), call(0.5, dim=1, keepdim=True)],
    "nanquantile": [call(0.3, dim=1, on=(HOLES,))],
    "reshape": [call(4, 3), call((2, -1))],
    "view": [call(12), call(3, 2, 2)],
    "view_as": [call(on=(X, Y.reshape(4, 3)))],
    "reshape_as": [call(on=(X, Y.reshape(4, 3)))],
    "permute": [call(1, 0), call((1, 0))],
    **{each: [call(0, -1)] for each in words("transpose swapaxes swapdims movedim moveaxis")},
    "expand": [call(2, 3, 4), call(2, -1, -1)],
    "expand_as": [call(on=(VECTOR, SQUARE))],
    "broadcast_to": [call((2, 3, 4))],
    "sum_to_size": [call(1, 4), call((3, 1))],
    "unsqueeze": [call(0), call(-1)],
    "unflatten": [call(1, (2, -1))],
    "flip": [call(0), call(0, 1), call(dims=(1,))],
    "rot90": [call(), call(-1, (1, 0))],
    "roll": [call(2), call(1, 0), call((1, -1), dims=(0, 1))],
    "repeat": [call(2, 1), call((2, 1, 3))],
    "repeat_interleave": [call(2), call(3, dim=1), call(on=(VECTOR, OTHER[0]))],
    "tile": [call(2), call((2, 1, 3))],
    "unfold": [call(1, 2, 1)],
    "as_strided": [call((2, 2), (4, 1), 1)],
    "split": [call(2), call([1, 2], dim=0), call(3, dim=1)],
    "split_with_sizes": [call([1, 2], dim=0)],
    "chunk": [call(2), call(3, dim=1)],
    "tensor_split": [call(2), call((1, 3), dim=1)],
    "hsplit": [call(2)],
    "vsplit": [call((1,))],
    "dsplit": [call(2, on=(X[None],))],
    "narrow": [call(1, 1, 2), call(0, -2, 1)],
    "select": [call(1, -1)],
    "gather": [call(0, on=INDEX)],
    "scatter": [
        call(0, on=(X, APART, Y[:2])),
        call(0, on=(X, APART), value=2.0),
        call(0, on=(X, APART, Y[:2]), reduce="add"),
    ],
    "scatter_add": [call(0, on=(X, PLACES, Y[:2]))],
    "scatter_reduce": [call(0, on=(X, PLACES, Y[:2]), reduce="amax")],
    "index_select": [call(1, on=(X, np.array([3, 0])))],
    "index_add": [call(0, on=(X, LIST, Y[:2]), alpha=2.0)],
    "index_copy": [call(0, on=(X, LIST, Y[:2]))],
    "index_fill": [call(0, on=(X, LIST), value=2.0)],
    "index_reduce": [call(0, on=(X, LIST, Y[:2]), reduce="amin")],
    "index_put": [],
    "take": [call(on=INDEX)],
    "take_along_dim": [call(on=(X, PLACES[:1]), dim=0)],
    "put": [call(on=(X, np.array([3, 7]), Y[0, :2]), accumulate=True)],
    "masked_select": [call(on=(X, MASK))],
    "masked_scatter": [call(on=(X, MASK, Y))],
    "select_scatter": [call(1, 2, on=(X, VECTOR[:3]))],
    "slice_scatter": [call(1, 0, 4, 2, on=(X, Y[:, :2]))],
    "diagonal_scatter": [call(on=(X, VECTOR[:3]))],
    "matmul": [call(on=(X, SQUARE)), call(on=(SQUARE, VECTOR))],
    "mm": [call(on=(X, SQUARE))],
    "bmm": [call(on=(X[None], SQUARE[None]))],
    "mv": [call(on=(SQUARE, VECTOR))],
    **{each: [call(on=(VECTOR, VECTOR + 1))] for each in words("dot vdot inner outer ger kron")},
    "cross": [call(on=(X.T, Y.T)), call(on=(X, Y), dim=0)],
    "addmm": [call(on=(VECTOR, X, SQUARE), beta=0.5, alpha=2.0)],
    "addmv": [call(on=(VECTOR, SQUARE, VECTOR))],
    "addr": [call(on=(SQUARE, VECTOR, VECTOR))],
    "addbmm": [call(on=(SQUARE, SQUARE[None], SQUARE[None]))],
    "baddbmm": [call(on=(SQUARE, SQUARE[None], SQUARE[None]))],
    "pinverse": [call()],
    "cholesky_solve": [call(on=(SQUARE, np.linalg.cholesky(SOUND)))],
    "qr": [call(on=(X.T,))],
    "svd": [call()],
    "matrix_power": [call(3, on=(SQUARE,))],
    "is_nonzero": [call(on=(np.array(2.0),))],
}
REDUCTIONS = "sum mean prod amax amin argmax argmin var std max min all any nansum nanmean median"
MORE = {
    **{each: [call(1), call(0, keepdim=True), call(dim=-1)] for each in words(REDUCTIONS)},
    "round": [call(decimals=1)],
    "div": [call(on=(X, Y), rounding_mode="trunc"), call(0.1, rounding_mode="floor")],
    "add": [call(on=(X, Y), alpha=2.0)],
    "sum": [call(1), call(dtype=None), call(axis=0, keepdims=True)],
    "var": [call(unbiased=False), call(1, False), call(False), call((0, 1), correction=2)],
    "std": [call(0, unbiased=False, keepdim=True)],
    "norm": [call(1), call(math.inf, 1), call("fro", (0, 1)), call("nuc"), call(dim=1, p=3)],
    "sort": [call(0, True), call(descending=True, dim=1), call(stable=True)],
    "nonzero": [call(as_tuple=True)],
    "unique": [
        call(return_inverse=True, return_counts=True, on=(WHOLE,)),
        call(dim=0, on=(PLACES,)),
    ],
    "unique_consecutive": [
        call(return_inverse=True, return_counts=True, on=(np.array([1, 1, 2, 1, 1]),)),
        call(dim=0, on=(np.array([[1, 2], [1, 2], [0, 1]]),)),
    ],
    "diagonal": [call(1, 1, 0)],
    "tril": [call(1)],
    "diff": [call(2, 0)],
    "quantile": [call(on=(X, np.array([0.2, 0.7])))],
    "aminmax": [call(dim=1, keepdim=True)],
    "squeeze": [call(0, on=(X[None],)), call((0, 2), on=(X[None, :, None],))],
}
# Where PyTorch puts a number before the tensors.
DIM_FIRST = {
    *words("gather scatter scatter_add scatter_reduce index_select index_add index_copy"),
    *words("index_fill index_reduce"),
}
# Functions that take in a list what the method also takes one by one.
LISTED = {*words("reshape permute flip tile")}
# PyTorch's gradients are inexact (digamma), of the whole where one triangle is read (cholesky), or
# not there.
VALUES_ALONE = {
    *words("digamma polygamma cholesky_solve cholesky_inverse igamma igammac nextafter histogram"),
    *words("histc svd unique unique_consecutive"),
}
