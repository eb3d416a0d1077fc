"""Products as machine code: against NumPy over shapes, layouts, dtypes and tiles, and epilogues.

The bound is that of any order of summation: |C - A B| <= k eps |A| |B|, element by element, with
the exact product taken in a wider dtype.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code is made by llvmlite")

from chainrule.plan.native.llvm import toolchain
from chainrule.plan.native.llvm.ir import Writer
from chainrule.plan.native.matrices import blas, choice
from chainrule.plan.native.matrices.choice import Core, choose, core
from chainrule.plan.native.matrices.products import Product, Tile, write

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
POINTERS = [ctypes.c_void_p] * 4 + [ctypes.c_int64] * 2
LAYOUTS = ("rows", "columns", "spread", "reversed")
EXTRA = 3  # untouched numbers at the end of every row of the result


def laid(layout, values):
    """The same matrix, lying in memory in another way."""
    if layout == "columns":
        return np.asfortranarray(values)
    if layout == "spread":
        wide = np.zeros((2 * values.shape[0], 3 * values.shape[1]), values.dtype)
        wide[::2, ::3] = values
        return wide[::2, ::3]
    return np.ascontiguousarray(values[::-1])[::-1] if layout == "reversed" else values


def steps(x):
    return tuple(step // x.itemsize for step in x.strides)


def described(a, b, wanted=True):
    c = b.shape[1] + EXTRA if wanted else None
    return Product(a.shape[0], b.shape[1], a.shape[1], steps(a), steps(b), c, a.dtype)


class Compiled:
    """Several products in one module, each ready to be called with arrays."""

    def __init__(self, kernels, writer, *more):
        self.kernels = kernels
        text = writer.module(*more, *(kernel.text for kernel in kernels))
        self.code = toolchain.Code(text, None)

    def __call__(self, number, a, b, c, context=0, parts=1):
        kernel = self.kernels[number]
        function = self.code.function(kernel.name, *POINTERS)
        edges = np.linspace(0, kernel.units, parts + 1).astype(int)
        places = [x.ctypes.data for x in (a, b, c)]
        for first, last in pairwise(edges):
            function(*places, context, int(first), int(last))


def compiled(jobs, epilogue=None, *more, first=None):
    """Write a list of (product, tile) into one module."""
    w = first or Writer()
    kernels = [
        write(Writer(w.declared, w.notes), product, tile, f"product{i}", epilogue)
        for i, (product, tile) in enumerate(jobs)
    ]
    return Compiled(kernels, w, *more)


def factors(m, n, k, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)


def blank(m, n, dtype):
    return np.full((m, n + EXTRA), 7, dtype)


def assert_is_product(c, a, b):
    n, wide = b.shape[1], np.longdouble
    exact = a.astype(wide) @ b.astype(wide)
    bound = a.shape[1] * np.finfo(a.dtype).eps * (abs(a).astype(wide) @ abs(b).astype(wide))
    assert (abs(c[:, :n] - exact) <= bound).all()
    assert (c[:, n:] == 7).all(), "wrote beyond the end of a row"


def check(cases, tile=None):
    """Compile the product of every pair of factors and hold each against NumPy."""
    products = [described(a, b) for a, b in cases]
    run = compiled([(p, tile(p) if tile else choose(p)) for p in products])
    for i, (a, b) in enumerate(cases):
        c = blank(a.shape[0], b.shape[1], a.dtype)
        run(i, a, b, c)
        assert_is_product(c, a, b)


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_products_of_many_sizes_are_numpys(dtype, seed):
    sizes = np.random.default_rng(seed).integers(1, 71, size=(12, 3)).tolist()
    check([factors(*size, dtype) for size in sizes])


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_what_comes_after_b_is_called_for_and_changes_nothing(dtype):
    a, b = factors(7, 83, 30, dtype)
    plain = described(a, b)
    tile = Tile("outer", 4, 32, 32, 16)
    on = replace(plain, goes_on=True)
    far = replace(on, m=1000)  # by so many tiles it would be called for again and again
    texts = [write(Writer(), p, tile, "product").text for p in (plain, on, far)]
    assert ["@llvm.prefetch" in text for text in texts] == [False, True, False]
    run, results = compiled([(plain, tile), (on, tile)]), []
    for i in range(2):
        results.append(blank(7, 83, dtype))
        run(i, a, b, results[-1])
    assert_is_product(results[1], a, b)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("layout_b", LAYOUTS)
@pytest.mark.parametrize("layout_a", LAYOUTS)
def test_products_of_any_layout_are_numpys(layout_a, layout_b, dtype):
    pairs = [factors(*size, dtype) for size in [(13, 21, 35), (1, 17, 9), (20, 1, 33), (5, 4, 1)]]
    check([(laid(layout_a, a), laid(layout_b, b)) for a, b in pairs])


@pytest.mark.parametrize(
    "tile",
    [
        *(Tile("outer", rows, wide * 16, wide * 16, 16) for rows, wide in ((1, 1), (6, 4), (3, 5))),
        *(Tile("packed", rows, wide * 8, wide * 8, 8) for rows, wide in ((2, 1), (5, 2))),
        *(Tile("dot", *cut, 16) for cut in ((1, 1, 7), (4, 4, 20), (3, 5, 35), (2, 16, 16))),
        *(Tile("dot", *cut, 4) for cut in ((2, 3, 6), (4, 4, 64))),
        Tile("outer", 4, 12, 12, 4),
        Tile("gathered", 3, 32, 32, 16),
    ],
    ids=str,
)
def test_every_tile_gives_the_product(tile):
    pairs = [factors(*size, F32) for size in [(13, 21, 35), (6, 64, 16), (8, 80, 3), (3, 2, 50)]]
    layout = {"outer": "rows", "dot": "columns"}.get(tile.form, "spread")
    check([(a, laid(layout, b)) for a, b in pairs], lambda p: tile)


@pytest.mark.parametrize(("dtype", "lanes"), [(F32, 16), (F32, 4), (F64, 8)], ids=str)
@pytest.mark.parametrize("wide", [1, 3])
def test_columns_that_lie_in_order_are_transposed_in_vectors(wide, dtype, lanes):
    sizes = [(13, 21, 35), (6, 64, 16), (8, 80, 9), (2, 7, 50), (5, 33, 8)]
    pairs = [factors(*size, dtype) for size in sizes]
    tile = Tile("packed", 3, wide * lanes, wide * lanes, lanes)
    check([(a, laid("columns", b)) for a, b in pairs], lambda p: tile)


TURNED = pytest.mark.parametrize(
    ("layouts", "rows"),
    [(layouts, n) for layouts in (("columns", "spread"), ("rows", "columns")) for n in (1, 2, 3)],
)
NARROW = [(100, 1, 16), (35, 1, 4), (37, 3, 8), (5, 2, 50), (64, 1, 1), (50, 4, 2)]


def turned(layouts, rows, size, wanted):
    """Factors, their product and a tile of its transpose."""
    tile = Tile("outer" if layouts[0] == "columns" else "dot", rows, 16, 16, 16, turned=True)
    a, b = (laid(layout, x) for layout, x in zip(layouts, factors(*size, F32)))
    c = size[1] if wanted else None
    return a, b, (Product(*size, steps(a), steps(b), c, F32), tile)


@TURNED
def test_turned_tiles_give_the_product(layouts, rows):
    for size in NARROW:
        a, b, job = turned(layouts, rows, size, wanted=True)
        c = np.full(size[:2], 7, F32)
        compiled([job])(0, a, b, c)
        assert_is_product(c, a, b)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_a_vector_holds_several_short_rows_or_columns(dtype):
    sizes = [(1, n, k) for n in (1, 2, 4, 8) for k in (1, 3, 35, 200)]
    rows = [factors(*size, dtype) for size in sizes]
    check(rows, lambda p: Tile("outer", 1, p.n, p.n, 16))
    columns = [factors(m, n, k, dtype) for m in (1, 3) for n in (1, 5, 16, 40) for k in (2, 4, 8)]
    check([(a, laid("columns", b)) for a, b in columns], lambda p: Tile("dot", 2, 16, 32, 16))


def test_nothing_to_sum_up_gives_zeros():
    check([factors(m, n, 0, F32) for m, n in [(1, 1), (7, 19)]])


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_infinities_and_nans_stay_in_their_rows_and_columns(layout):
    a, b = factors(9, 11, 21, F32)
    a[2, 3], a[4, 20], b[5, 7], b[20, 9] = np.inf, np.nan, -np.inf, np.nan
    b = laid(layout, b)
    c = blank(9, 11, F32)
    compiled([(p := described(a, b), choose(p))])(0, a, b, c)
    with np.errstate(invalid="ignore"):
        want = a @ b
    finite = np.isfinite(want)
    np.testing.assert_array_equal(c[:, :11][~finite], want[~finite])
    assert np.isfinite(c[:, :11][finite]).all()


def test_the_same_bits_however_the_units_are_shared():
    a, b = factors(33, 50, 40, F32)
    for right in (b, laid("columns", b), laid("spread", b)):
        run = compiled([(p := described(a, right), choose(p))])
        results = [blank(33, 50, F32) for _ in range(3)]
        for parts, c in zip((1, 2, 5), results):
            run(0, a, right, c, parts=parts)
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("bands", [2, 3, 5, 40])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_bits_in_any_number_of_bands(layout, bands):
    a, b = factors(33, 50, 40, F32)
    right = laid(layout, b)
    tile = choose(p := described(a, right))
    whole, banded, shared = blank(33, 50, F32), blank(33, 50, F32), blank(33, 50, F32)
    run = compiled([(p, tile), (p, replace(tile, bands=bands))])
    run(0, a, right, whole)
    run(1, a, right, banded)
    run(1, a, right, shared, parts=7)
    np.testing.assert_array_equal(banded, whole)
    np.testing.assert_array_equal(shared, whole)


NOTE = """
define internal void @note(i64 %row, i64 %column, i64 %columns, ptr %context) alwaysinline {
  %line = mul i64 %row, 50
  %at = add i64 %line, %column
  %place = getelementptr i64, ptr %context, i64 %at
  store i64 %columns, ptr %place
  ret void
}
"""


@pytest.mark.parametrize("k", [8, 9, 40, 700])
def test_every_row_of_every_piece_is_called_ahead(k):
    a, b = factors(32, 50, k, F32)
    w, p, tile = Writer(), described(a, b), Tile("outer", 8, 32, 32, 16)
    kernel = write(Writer(w.declared, w.notes), p, tile, "product", ahead="note")
    called, c = np.zeros((40, 50), np.int64), blank(32, 50, F32)
    Compiled([kernel], w, NOTE)(0, a, b, c, context=called.ctypes.data)
    assert_is_product(c, a, b)
    assert (called[:32, 0] == 32).all()
    assert (called[:32, 32] == 18).all()
    assert not called[:, 1:32].any()


# --- epilogues ----------------------------------------------------------------------------------

# One number after another, as the loops of everything else are written.
EPILOGUE = """
define internal void @follow(ptr %piece, i64 %step, i64 %row, i64 %column, i64 %rows, i64 %columns,
                             ptr %context) alwaysinline {{
entry:
  br label %rows.head
rows.head:
  %i = phi i64 [0, %entry], [%i.next, %rows.end]
  br label %one
one:
  %j = phi i64 [0, %rows.head], [%j.next, %one]
  %at.row = mul i64 %i, %step
  %at = add i64 %at.row, %j
  %y.at = getelementptr float, ptr %piece, i64 %at
  %y = load float, ptr %y.at
  %r = add i64 %row, %i
  %c = add i64 %column, %j
  %place.row = mul i64 %r, {n}
  %place = add i64 %place.row, %c
{body}
  %j.next = add i64 %j, 1
  %j.more = icmp ult i64 %j.next, %columns
  br i1 %j.more, label %one, label %rows.end
rows.end:
  %i.next = add i64 %i, 1
  %i.more = icmp ult i64 %i.next, %rows
  br i1 %i.more, label %rows.head, label %end
end:
  ret void
}}
"""
READ = "%{0}.p = load ptr, ptr {1}\n%{0}.at = getelementptr float, ptr %{0}.p, i64 %{2}\n"
BIAS_RELU = (
    READ.format("bias", "%context", "c")
    + """%bias = load float, ptr %bias.at
%z = fadd float %y, %bias
%up = fcmp ogt float %z, 0.0
%relu = select i1 %up, float %z, float 0.0
%slot = getelementptr ptr, ptr %context, i64 1
"""
    + READ.format("out", "%slot", "place")
    + "store float %relu, ptr %out.at"
)
MASK_AND_SUMS = (
    READ.format("mask", "%context", "place")
    + """%mask = load float, ptr %mask.at
%masked = fmul float %y, %mask
store float %masked, ptr %y.at
%slot = getelementptr ptr, ptr %context, i64 1
"""
    + READ.format("sum", "%slot", "c")
    + """%sum = load float, ptr %sum.at
%grown = fadd float %sum, %masked
store float %grown, ptr %sum.at"""
)
SGD = (
    READ.format("w", "%context", "place")
    + """%w = load float, ptr %w.at
%step.w = fmul float %y, 0.5
%moved = fsub float %w, %step.w
store float %moved, ptr %w.at"""
)


def followed(a, b, body, wanted, *arrays):
    """Run a product with an epilogue that knows arrays; return the memory of the result."""
    n = b.shape[1]
    p = described(a, b, wanted)
    run = compiled([(p, choose(p))], "follow", EPILOGUE.format(n=n, body=body))
    table = (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
    c = blank(a.shape[0], n, a.dtype)
    run(0, a, b, c, ctypes.addressof(table))
    return c


@TURNED
def test_what_follows_on_turned_tiles(layouts, rows):
    for size in NARROW:
        a, b, job = turned(layouts, rows, size, wanted=False)
        w = np.zeros(size[:2], F32)
        run = compiled([job], "follow", EPILOGUE.format(n=size[1], body=SGD))
        run(0, a, b, w, ctypes.addressof(ctypes.c_void_p(w.ctypes.data)))
        assert_is_product(-2 * w, a, b)


SHAPES = [(13, 21, 35), (64, 10, 128), (7, 130, 20)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_bias_and_relu_without_the_product_in_memory(shape, layout):
    a, b = factors(*shape, F32)
    bias, out = factors(1, shape[1], 1, F32)[1][0], np.empty(shape[:2], F32)
    c = followed(a, laid(layout, b), BIAS_RELU, False, bias, out)
    np.testing.assert_allclose(out, np.maximum(a @ b + bias, 0), rtol=1e-4, atol=1e-5)
    assert (c == 7).all(), "the product went to memory that nobody gave it"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_mask_on_the_result_and_sums_over_its_rows(shape, layout):
    a, b = factors(*shape, F32)
    mask, sums = (np.arange(shape[0] * shape[1]) % 3 > 0).astype(F32), np.zeros(shape[1], F32)
    c = followed(a, laid(layout, b), MASK_AND_SUMS, True, mask, sums)[:, : shape[1]]
    want = (a @ b) * mask.reshape(shape[:2])
    np.testing.assert_allclose(c, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sums, want.sum(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_of_gradient_descent_on_the_weights(shape):
    batch, inputs, outputs = shape
    g, x = factors(batch, inputs, outputs, F32)
    g, x = np.ascontiguousarray(g), np.ones((batch, inputs), F32) * x[0]
    weight = np.ones((outputs, inputs), F32)
    followed(g.T, x, SGD, False, weight)
    np.testing.assert_allclose(weight, 1 - 0.5 * g.T @ x, rtol=1e-4, atol=1e-4)


# --- the choice ---------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [Core(64, 32), Core(32, 16), Core(16, 32), Core(16, 16)], ids=str)
def test_products_for_other_processors_are_right_too(on):
    pairs = [factors(*size, F32) for size in [(13, 21, 35), (9, 40, 5)]]
    pairs += [(a, laid("columns", b)) for a, b in pairs]
    check(pairs, lambda p: choose(p, on))


def test_the_sums_of_a_tile_and_what_they_need_fit_the_registers():
    for on in (Core(64, 32), Core(32, 16)):
        for m, n, k in [(64, 128, 784), (100, 16, 16), (1, 10, 128), (1000, 1, 4)]:
            for b in [(n, 1), (1, k)]:
                product = Product(m, n, k, (k, 1), b, n, F32)
                tile = choose(product, on)
                short = (product.turned if tile.turned else product).short_columns(tile.lanes)
                a_vector = 1 if tile.form == "dot" and not short else tile.lanes
                wide = -(-tile.columns // a_vector)
                assert tile.rows * wide + wide + 1 <= on.registers


def test_a_layer_forward_runs_along_the_inner_dimension_and_backward_along_rows():
    on = Core(64, 32)
    assert choose(Product(64, 128, 784, (784, 1), (1, 784), 128, F32), on).form == "dot"
    assert choose(Product(64, 784, 128, (128, 1), (784, 1), 784, F32), on).form == "outer"
    assert choose(Product(128, 784, 64, (1, 128), (784, 1), 784, F32), on).form == "outer"
    assert choose(Product(100, 16, 2, (2, 1), (1, 2), 16, F32), on).form == "packed"


def test_what_is_too_long_to_copy_is_gathered():
    assert choose(Product(64, 64, 10**6, (1, 64), (1, 10**6), 64, F32)).form == "gathered"


def test_this_core_has_vectors():
    assert core().width in (16, 32, 64)
    assert core().registers in (16, 32)


# --- NumPy's BLAS -------------------------------------------------------------------------------

each_order = pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])


@each_order
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_the_blas_inside_numpy_gives_the_product(dtype, orders):
    gemm = blas.find(dtype)
    if gemm is None:
        pytest.skip("this NumPy's BLAS has none of the known names")
    a, b = (np.asarray(x, order=o) for x, o in zip(factors(13, 21, 35, dtype), orders))
    w = Writer()
    assert blas.takes(described(a, b))
    kernel = blas.write(Writer(w.declared, w.notes), described(a, b), gemm, "product")
    c = blank(13, 21, dtype)
    Compiled([kernel], w)(0, a, b, c)
    assert_is_product(c, a, b)


def test_a_blas_product_has_an_epilogue_too():
    gemm = blas.find(F32)
    if gemm is None:
        pytest.skip("this NumPy's BLAS has none of the known names")
    a, b = factors(13, 21, 35, F32)
    weight, w = np.ones((13, 21), F32), Writer()
    kernel = blas.write(Writer(w.declared, w.notes), described(a, b), gemm, "product", "follow")
    table = (ctypes.c_void_p * 1)(weight.ctypes.data)
    run = Compiled([kernel], w, EPILOGUE.format(n=21, body=SGD))
    run(0, a, b, blank(13, 21, F32), ctypes.addressof(table))
    np.testing.assert_allclose(weight, 1 - 0.5 * a @ b, rtol=1e-4, atol=1e-4)


def test_only_very_large_products_of_plain_layout_are_for_the_blas(monkeypatch):
    large = Product(1024, 1024, 1024, (1024, 1), (1024, 1), 1024, F32)
    odd = Product(1024, 1024, 1024, (2048, 2), (1024, 1), 1024, F32)
    unwanted = Product(1024, 1024, 1024, (1024, 1), (1024, 1), None, F32)
    small = Product(64, 128, 784, (784, 1), (1, 784), 128, F32)
    monkeypatch.setattr(choice.blas, "find", lambda dtype: blas.Gemm("gemm", 1, 64))
    assert [choice.is_for_blas(p) for p in (large, odd, unwanted, small)] == [True, *[False] * 3]
    monkeypatch.setattr(choice.blas, "find", lambda dtype: None)
    assert not choice.is_for_blas(large)
