"""What holds for every operation, asked of every row in `cases.py`."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from case import Case, is_real
from cases import CASES, LISTS, every, has_gradient, is_smooth
from chainrule import ops
from chainrule.autograd import Tensor, grad, gradcheck, gradgradcheck
from chainrule.errors import ChainruleError
from chainrule.ops import COMPOSITES, REGISTRY, Ghost

TOLERANCE = {
    np.dtype(np.float32): {"rtol": 2e-5, "atol": 2e-6},
    np.dtype(np.float64): {"rtol": 1e-10, "atol": 1e-12},
}


def has_torch(case: Case) -> bool:
    return case.torch is not None


def both(first, second):
    return lambda case: first(case) and second(case)


FORMATS = [np.float64, np.float32]


# --- helpers ------------------------------------------------------------------------------------


def plain(y):
    """The array in a tensor of ours or PyTorch's, or the array itself."""
    if isinstance(y, Tensor):
        return y.array
    return y.numpy(force=True) if hasattr(y, "numpy") else np.asarray(y)


def assert_equal(found, expected):
    """As many arrays, of the same shapes and, to the rounding of what was found, values."""
    assert len(found) == len(expected)
    for a, b in zip(map(plain, found), map(plain, expected)):
        assert a.shape == b.shape
        exact = {"rtol": 0, "atol": 0}
        np.testing.assert_allclose(a, b, **TOLERANCE.get(a.dtype, exact))


def traced(case: Case, arrays):
    """The inputs as tensors, those with a gradient asking for it."""
    wanted = case.wanted()
    return [
        Tensor(a, requires_grad=i in wanted) if holds_numbers(a) else a
        for i, a in enumerate(arrays)
    ]


def holds_numbers(a):
    """Whether `a` is an array of what a tensor holds; the state of a generator is not."""
    return isinstance(a, np.ndarray) and a.dtype != np.uint64


def weights(size, shift=0.0):
    """Fixed, unequal numbers, so that errors do not cancel."""
    return np.cos(np.arange(size) + shift) + 1.5


def flat(ys):
    """All floating-point outputs as one vector."""
    return ops.cat([y.reshape(-1) for y in ys if plain(y).dtype.kind == "f"])


def gradients(case: Case, xs, create_graph=False):
    """The gradients of a weighted sum of all outputs; zeros where there is none."""
    y = flat(case.ours(*xs))
    wanted = [xs[i] for i in case.wanted()]
    seed = Tensor(weights(y.numel()).astype(y.dtype))
    found = grad(y, wanted, seed, create_graph=create_graph, allow_unused=True)
    return [np.zeros_like(x.array) if g is None else g for g, x in zip(found, wanted)]


# --- every operation has a row ------------------------------------------------------------------


def test_every_operation_has_a_row():
    missing = {*REGISTRY, *COMPOSITES} - {case.op for case in CASES.values()}
    assert not missing, (
        f"no row in tests/cases.py for {', '.join(sorted(missing))}: add "
        "case(name, inputs, reference, torch) to the list where its neighbours are, one for each "
        "kind of attribute, and kink(...) for points where its slope jumps"
    )


def test_rows_have_different_names():
    names = [case.name for rows in LISTS for case in rows]
    assert len(names) == len(CASES), "two rows of one operation need different notes"


# --- values -------------------------------------------------------------------------------------


@every()
def test_value_is_that_of_the_reference(case):
    for dtype in FORMATS:
        inputs = [a.astype(np.float64) if is_real(a) else a for a in case.arrays(dtype)]
        with np.errstate(all="ignore"):
            expected = case.expected(*inputs)
        assert_equal(case.ours(*case.arrays(dtype)), expected)


@every(lambda case: case.kind != "random")
def test_tensors_give_what_arrays_give(case):
    for dtype in FORMATS:
        found = case.ours(*traced(case, case.arrays(dtype)))
        assert_equal(found, case.ours(*case.arrays(dtype)))


@every(lambda case: any(map(is_real, case.arrays())))
def test_dtype_is_kept(case):
    for dtype in FORMATS:
        expected = case.attrs.get("dtype", dtype)
        through_tensors = case.ours(*traced(case, case.arrays(dtype)))
        # Reals among integers are NumPy's matter where no tensor is in play.
        through_arrays = [] if "integers" in case.note else case.ours(*case.arrays(dtype))
        found = [plain(y).dtype for y in (*through_tensors, *through_arrays)]
        assert all(d == expected for d in found if d.kind == "f")


@every(has_gradient)
def test_gradient_has_the_dtype_of_its_input(case):
    for dtype in FORMATS:
        found = gradients(case, traced(case, case.arrays(dtype)))
        assert [plain(g).dtype for g in found] == [dtype] * len(case.wanted())


# --- memory layouts, empty and broadcast inputs ---------------------------------------------------


def columns_first(a):
    """The same elements, in Fortran's order."""
    return a.copy(order="F")


def backwards(a):
    """The same elements, lying in memory in reverse."""
    return np.flip(np.flip(a).copy()) if a.ndim else a


def spaced(a):
    """The same elements, others lying between them."""
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


@every()
def test_memory_layout_does_not_matter(case):
    expected = case.ours(*case.arrays())
    for layout in (columns_first, backwards, spaced):
        inputs = [layout(a) if isinstance(a, np.ndarray) else a for a in case.arrays()]
        assert_equal(case.ours(*inputs), expected)


def emptied(case):
    """The inputs with a dimension of 0: in all of them the first or the last, or in one any."""
    arrays = case.arrays()
    ranks = [np.ndim(a) if holds_numbers(a) else 0 for a in arrays]
    for d in (0, -1):
        yield [np.take(a, [], d) if rank else a for a, rank in zip(arrays, ranks)]
    if case.kind != "update":
        for i, rank in enumerate(ranks):
            for d in range(rank):
                yield [np.take(a, [], d) if j == i else a for j, a in enumerate(arrays)]


class RulesAgree:
    """A watcher: of every call of a primitive the shape rule is right and the cost a count."""

    def __call__(self, op, args, attrs, y):
        shapes = [np.shape(a) for a in args]
        assert op.shape(*shapes, **attrs) == np.shape(y), f"shape rule of {op.name}"
        cost = op.cost(*shapes, **attrs)
        assert all(isinstance(n, int) and n >= 0 for n in cost), f"cost of {op.name}: {cost}"


@every(lambda case: case.kind != "random")
def test_empty_inputs_work_or_are_refused(case):
    for inputs in emptied(case):
        try:
            with ops.watch(RulesAgree()):
                found = case.ours(*inputs)
        except (ChainruleError, IndexError):  # the latter of a place in what is empty now
            continue
        xs = traced(case, inputs)
        if has_gradient(case) and found:
            for i, g in zip(case.wanted(), gradients(case, xs)):
                assert g.shape == xs[i].shape


@every()
def test_shape_and_cost_rules_hold_for_every_primitive_inside(case):
    with ops.watch(RulesAgree()):
        case.ours(*case.arrays())
        if is_smooth(case):
            gradients(case, traced(case, case.arrays()))


@every(lambda case: case.kind == "elementwise" and len(case.inputs) == 2 and case.smooth)
def test_elementwise_operations_broadcast(case):
    for shapes in [((3, 1), (4,)), ((), (2, 3)), ((2, 3), (1,)), ((0,), (2, 1)), ((4,), (2, 3, 1))]:
        inputs = [np.resize(a, shape) for a, shape in zip(case.arrays(), shapes)]
        full = [np.broadcast_to(a, np.broadcast_shapes(*shapes)) for a in inputs]
        with ops.watch(RulesAgree()):
            assert_equal(case.ours(*inputs), case.ours(*full))


# --- derivatives --------------------------------------------------------------------------------


@every(is_smooth)
def test_first_derivative_is_that_of_differences(case):
    assert gradcheck(lambda *xs: flat(case.ours(*xs)), traced(case, case.arrays()))


@every(is_smooth)
def test_second_derivative_is_that_of_differences(case):
    assert gradgradcheck(lambda *xs: flat(case.ours(*xs)), traced(case, case.arrays()))


@every(has_gradient)
def test_gradient_through_tensors_is_that_through_arrays(case):
    quick = gradients(case, traced(case, case.arrays()))
    recorded = gradients(case, traced(case, case.arrays()), create_graph=True)
    assert_equal(quick, recorded)


@every(lambda case: case.slopes is not None)
def test_slopes_at_kinks_are_those_in_the_table(case):
    xs = traced(case, case.arrays())
    ones = Tensor(np.ones(flat(case.ours(*xs)).numel()))
    found = grad(flat(case.ours(*xs)), [xs[i] for i in case.wanted()], ones)
    assert_equal(found, case.slopes)


def spread_out(case):
    """Every call of a differentiable primitive that the row makes: (op, args, attrs, y)."""
    calls = []
    with ops.watch(lambda *call: calls.append(call)):
        case.ours(*case.arrays())
    return [call for call in calls if call[0].differentiable]


def asked(op, args):
    """Every set of arguments whose gradients can be asked for, as a bit mask."""
    real = [i for i, a in enumerate(args) if is_real(a) and op.rule(i) is not None]
    for count in range(1, len(real) + 1):
        for chosen in itertools.combinations(real, count):
            yield chosen, sum(1 << i for i in chosen)


def ghostly(a):
    """What a tape keeps of a value that is not read; numbers are kept as they are."""
    return Ghost(a.shape, a.dtype) if hasattr(a, "shape") else a


def slope(op, i, g, y, *args, **attrs):
    """The gradient of an argument by its rule, as the tape calls it."""
    common = op.shared(g, y, *args, **attrs) if op.shared else g
    return op.rule(i)(common, y, *args, **attrs)


@every(has_gradient)
def test_rules_read_no_more_than_they_say(case):
    with np.errstate(all="ignore"):
        for op, args, attrs, y in spread_out(case):
            g = np.reshape(weights(np.size(y)), np.shape(y))
            for chosen, mask in asked(op, args):
                reads = op.reads[mask | 1 << len(args)]
                kept = [ghostly(a) if i in reads.unread else a for i, a in enumerate(args)]
                seen = y if reads.y else ghostly(y)
                for i in chosen:
                    assert_equal(
                        [slope(op, i, g, seen, *kept, **attrs)],
                        [slope(op, i, g, y, *args, **attrs)],
                    )


# --- PyTorch ------------------------------------------------------------------------------------


def in_torch(torch, case: Case):
    """The inputs as PyTorch's tensors."""
    wanted = case.wanted()
    return [
        torch.tensor(a, requires_grad=i in wanted) if holds_numbers(a) else a
        for i, a in enumerate(case.arrays())
    ]


def torch_gradients(torch, case: Case, xs, create_graph=False):
    """What `gradients` is for ours."""
    y = torch.cat([y.reshape(-1) for y in case.theirs(*xs) if y.dtype.is_floating_point])
    wanted = [xs[i] for i in case.wanted()]
    seed = torch.tensor(weights(y.numel()))
    found = torch.autograd.grad(y, wanted, seed, create_graph=create_graph, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, wanted)]


def summed(gs, tensor):
    """One number that depends on every element of every gradient."""
    parts = [
        (g * tensor(weights(np.size(plain(g)), k).reshape(tuple(g.shape)))).sum()
        for k, g in enumerate(gs)
    ]
    return sum(parts[1:], parts[0])


def derivatives(grad, y, xs):
    """The derivatives of y, zeros where it depends on nothing."""
    found = grad(y, xs, allow_unused=True) if y.requires_grad else [None] * len(xs)
    return [np.zeros(tuple(x.shape)) if g is None else plain(g) for g, x in zip(found, xs)]


@every(has_torch)
@pytest.mark.filterwarnings("ignore:reduction")  # kl_div's "mean"
def test_value_is_that_of_pytorch(case, torch):
    found = case.ours(*traced(case, case.arrays()))
    expected = case.theirs(*in_torch(torch, case))
    assert_equal(found, expected)
    assert [plain(y).dtype for y in found] == [plain(y).dtype for y in expected]


@every(both(has_torch, has_gradient))
@pytest.mark.filterwarnings("ignore:reduction")
def test_gradient_is_that_of_pytorch(case, torch):
    found = gradients(case, traced(case, case.arrays()))
    assert_equal(found, torch_gradients(torch, case, in_torch(torch, case)))


@every(both(has_torch, is_smooth))
@pytest.mark.filterwarnings("ignore:reduction")
def test_second_derivative_is_that_of_pytorch(case, torch):
    xs, theirs = traced(case, case.arrays()), in_torch(torch, case)
    ours = summed(gradients(case, xs, create_graph=True), lambda w: Tensor(w))
    judge = summed(torch_gradients(torch, case, theirs, create_graph=True), torch.tensor)
    found = derivatives(grad, ours, [xs[i] for i in case.wanted()])
    try:
        expected = derivatives(torch.autograd.grad, judge, [theirs[i] for i in case.wanted()])
    except RuntimeError as error:
        pytest.skip(f"PyTorch has none: {error}")
    assert_equal(found, expected)
