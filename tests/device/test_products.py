"""Products by cuBLAS's own interface: what is told of matrices that lie in every way."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.backend.arrays import to_gpu, to_host
from chainrule.plan.cuda import products
from device.kernels import numbers
from device.plan_on_gpu import compiled, found
from device.standin import cublas

# How a product's factors and result are cut out of arrays: each a shape, and a view of it.
WAYS = {
    "rows": (((3, 4), None), ((4, 5), None), ((3, 5), None)),
    "turned": (((4, 3), "T"), ((5, 4), "T"), ((3, 5), None)),
    "into columns": (((3, 4), None), ((4, 5), None), ((5, 3), "T")),
    "one column": (((3, 4), None), ((4, 1), None), ((3, 1), None)),
    "one row": (((1, 4), None), ((5, 4), "T"), ((1, 5), None)),
    "a sum of one": (((3, 1), None), ((5, 1), "T"), ((3, 5), None)),
    "a single number": (((1, 1), None), ((1, 1), None), ((1, 1), None)),
    "parts of rows": (((3, 9), np.s_[:, 2:6]), ((4, 9), np.s_[:, :5]), ((3, 8), np.s_[:, 3:])),
    "every other row": (((6, 4), np.s_[::2]), ((4, 5), None), ((6, 5), np.s_[1::2])),
    "every other column": (((3, 8), np.s_[:, ::2]), ((4, 5), None), ((3, 10), np.s_[:, ::2])),
    "backwards": (((3, 4), np.s_[::-1]), ((4, 5), np.s_[:, ::-1]), ((3, 5), None)),
    "a batch": (((2, 3, 4), None), ((2, 4, 5), None), ((2, 3, 5), None)),
    "one for all": (((2, 6, 3, 4), None), ((4, 5), None), ((2, 6, 3, 5), None)),
    "one for some": (((2, 6, 3, 4), None), ((2, 1, 4, 5), None), ((2, 6, 3, 5), None)),
    "heads": (((2, 3, 6, 4), "H"), ((2, 5, 6, 4), "K"), ((2, 6, 3, 5), None)),
    "into heads": (((2, 6, 3, 5), None), ((2, 4, 6, 5), "V"), ((2, 3, 6, 4), "H")),
    "nothing to sum": (((3, 0), None), ((0, 5), None), ((3, 5), None)),
    "nothing": (((0, 4), None), ((4, 5), None), ((0, 5), None)),
}
TURNS = {"T": (1, 0), "H": (0, 2, 1, 3), "K": (0, 2, 3, 1), "V": (0, 2, 3, 1)}


def cut(x, how):
    """An array in the way of a case."""
    if isinstance(how, str):
        return x.transpose(TURNS[how])
    return x if how is None else x[how]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_matrices_that_lie_in_every_way(gpu, way, dtype):
    (a, b), (c, place) = WAYS[way][:2], WAYS[way][2]
    whole, x, y = np.full(c, 7, dtype), numbers(a[0], dtype), numbers(b[0], dtype)
    there = to_gpu(whole)
    products.Products(gpu).capture(cut(to_gpu(x), a[1]), cut(to_gpu(y), b[1]), cut(there, place))
    exact = "float32" if dtype == "float16" else dtype
    cut(whole, place)[...] = np.matmul(cut(x, a[1]).astype(exact), cut(y, b[1]).astype(exact))
    tolerance = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(to_host(there), whole, rtol=tolerance, atol=tolerance)


def test_exactness_is_as_chosen(gpu, monkeypatch):
    if gpu.__name__ == "cupy":
        pytest.skip("a GPU does not tell how it has multiplied")
    cublas.CALLS.clear()
    by, x = products.Products(gpu), to_gpu(numbers((4, 4), "float32"))
    for precision in ("highest", "high", "medium"):
        monkeypatch.setattr(products, "get_float32_matmul_precision", lambda p=precision: p)
        for dtype in ("float32", "float64", "float16"):
            by.capture(x.astype(dtype), x.astype(dtype), gpu.empty((4, 4), dtype))
    # CUBLAS_COMPUTE_32F and _64F, then _32F_FAST_TF32 and _32F_FAST_16BF for float32.
    assert cublas.CALLS == [68, 70, 68, 77, 70, 68, 75, 70, 68]


def test_cupy_multiplies_what_cublas_refuses(gpu, monkeypatch):
    if gpu.__name__ == "cupy":
        pytest.skip("cuBLAS refuses none of these")
    monkeypatch.setattr(products, "_DEFAULT", 5)
    by, x, y = products.Products(gpu), numbers((4, 4), "float32"), gpu.empty((4, 4), np.float32)
    by.multiply(to_gpu(x), to_gpu(x), y)
    np.testing.assert_allclose(to_host(y), x @ x, rtol=1e-5)
    with pytest.raises(products.CublasError, match="GemmStridedBatchedEx of cuBLAS gave status 7"):
        by.capture(to_gpu(x), to_gpu(x), y)


def softly(x, y):
    """Two products and what is between them."""
    return ops.exp(ops.matmul(ops.tanh(ops.matmul(x, y)), y))


@pytest.mark.parametrize("there", [True, False])
def test_a_product_is_part_of_the_graph_if_cublas_is_found(gpu, there, monkeypatch):
    if not there:
        monkeypatch.setattr(products, "library", lambda gpu: None)
    x, y = numbers((3, 4), "float32"), numbers((4, 4), "float32")
    run = compiled(softly, [x, y])
    for k in (1, 2, 3):
        np.testing.assert_allclose(found(run, [x / k, y])[0], softly(x / k, y), rtol=1e-5)
    assert [s.graph for s in run.stretches] == ([True] if there else [False, True, False, True])


def test_whole_numbers_are_multiplied_by_cupy(gpu):
    x = np.arange(12).reshape(3, 4)
    run = compiled(lambda x: ops.matmul(x, ops.permute(x, dims=(1, 0))), [x])
    for _ in range(2):
        assert (found(run, [x])[0] == x @ x.T).all()
