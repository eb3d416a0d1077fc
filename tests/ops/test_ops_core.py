"""The one door: how operations are called, watched, registered and explained."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.errors import ChainruleError, ShapeError
from chainrule.ops import COMPOSITES, REGISTRY, Cost, Ghost, Op, composite, primitive
from chainrule.ops.core import broadcast_shape, normal_dim, normal_dims, same_shape

X = np.array([[1.0, 2.0], [3.0, 4.0]])


# --- calling ------------------------------------------------------------------------------------


def test_attributes_by_position_or_by_name():
    by_name = ops.sum(X, dim=1, keepdim=True)
    np.testing.assert_array_equal(ops.sum(X, 1, True), by_name)
    np.testing.assert_array_equal(ops.sum(X, 1, keepdim=True), by_name)
    np.testing.assert_array_equal(ops.clip(X, 1.5, 3.5), ops.clip(X, min=1.5, max=3.5))


def test_numbers_alone_stay_numbers():
    """Otherwise they would impose a format on what they meet next."""
    for y in (ops.add(1.0, 2.0), ops.log(2.0), ops.pow(2.0, 3), ops.neg(1)):
        assert type(y) in (float, int)
    assert (ops.log(2.0) * np.ones(1, np.float32)).dtype == np.float32


def test_an_operation_says_its_name():
    assert (repr(ops.add), ops.add.__name__, ops.add.__doc__[:10]) == (
        "<op add>", "add", "y = a + b.",
    )  # fmt: skip
    assert all(op.name == name for name, op in REGISTRY.items())
    assert all(f.__name__ == name for name, f in COMPOSITES.items())
    assert not set(REGISTRY) & set(COMPOSITES)


def test_inputs_are_never_changed():
    from cases import CASES

    for case in CASES.values():
        if case.kind in ("update", "random"):
            continue
        inputs = case.arrays()
        case.ours(*inputs)
        for a, b in zip(inputs, case.arrays()):
            np.testing.assert_array_equal(a, b, err_msg=case.name)


# --- watching -----------------------------------------------------------------------------------


def test_a_watcher_sees_every_call():
    seen = []
    with ops.watch(lambda op, args, attrs, y: seen.append((op.name, len(args), dict(attrs)))):
        ops.softmax(X, dim=0)
        ops.linear(X, X)
    ops.add(X, X)
    names = [name for name, _, _ in seen]
    assert "add" not in names
    assert seen[-1] == ("linear", 2, {})
    assert set(names) <= set(REGISTRY)


def test_watchers_nest_and_go_when_there_is_an_error():
    outer, inner = [], []
    with ops.watch(lambda op, *_: outer.append(op.name)):
        with pytest.raises(ShapeError), ops.watch(lambda op, *_: inner.append(op.name)):
            ops.add(ops.neg(X), np.ones(3))
        ops.exp(X)
    assert (outer, inner) == (["neg", "exp"], ["neg"])


def test_a_watcher_sees_tensors_as_arrays():
    from chainrule.autograd import tensor

    seen = []
    x = tensor([1.0, 2.0], requires_grad=True)
    with ops.watch(lambda op, args, attrs, y: seen.append((op.name, type(args[0]), type(y)))):
        (x * 2).sum().backward()
    assert seen[0] == ("mul", np.ndarray, np.ndarray)
    assert {name for name, _, _ in seen} >= {"mul", "sum", "broadcast_to"}


# --- registering --------------------------------------------------------------------------------


def test_a_name_is_taken_once():
    def add(a, b):
        """Another one."""

    with pytest.raises(ValueError, match="an op named 'add' is registered already"):
        primitive(kind="elementwise", shape=broadcast_shape)(add)
    with pytest.raises(ValueError, match="an operation named 'add' is registered already"):
        composite(add)


def test_what_an_op_derives_from_its_body():
    op = Op("halved", lambda x, by=2: x / by, kind="elementwise", shape=same_shape, flops=3)
    assert (op.arity, op.attributes, op.differentiable) == (1, ("by",), False)
    assert op.rule(0) is None
    assert op.cost((2, 3), by=4) == Cost(18, 12)
    assert op(X, 4).tolist() == (X / 4).tolist()


def test_what_rules_read_is_in_their_signatures():
    rules = [lambda g, y, _a, b, _c: g, lambda g, _y, a, _b, _c: g, None]
    op = Op("f", lambda a, b, c: a, kind="reduce", shape=same_shape, vjp=rules)
    assert op.reads[0b1_001] == (True, (0, 2))
    assert op.reads[0b1_010] == (False, (1, 2))
    assert op.reads[0b1_011] == (True, (2,))
    assert op.reads[0b1_100] == (False, (0, 1, 2))
    many = Op("g", lambda *xs: xs[0], kind="reduce", shape=same_shape, vjp=lambda i, g, _y, *xs: g)
    assert many.reads[0b1_0001] == (False, ())


def test_a_ghost_has_a_shape_and_nothing_else():
    ghost = Ghost((2, 3), np.dtype("f4"))
    assert (ghost.shape, ghost.ndim, ghost.size, ghost.dtype) == ((2, 3), 2, 6, np.float32)
    with pytest.raises(TypeError):
        ghost + 1


# --- dimensions ---------------------------------------------------------------------------------


def test_dimensions_are_counted_from_the_front():
    assert [normal_dim(d, 3) for d in (-3, -1, 0, 2)] == [0, 2, 0, 2]
    assert normal_dim(-1, 3, extra=1) == 3
    assert (normal_dims(None, 3), normal_dims((-1, 0), 3), normal_dims(1, 2)) == (
        (0, 1, 2), (2, 0), (1,),
    )  # fmt: skip
    assert normal_dims(0, 0) == normal_dims(-1, 0) == ()
    for wrong in (2, -3):
        with pytest.raises(ShapeError, match=f"dim {wrong} is out of range for 2 dimensions"):
            normal_dim(wrong, 2)
    with pytest.raises(ShapeError, match="out of range"):
        normal_dims(1, 0)


# --- errors -------------------------------------------------------------------------------------

IMAGES, FILTERS = np.zeros((1, 3, 8, 8)), np.zeros((4, 3, 3, 3))
REFUSED = [
    (lambda: ops.mul(np.ones((2, 3)), np.ones((3, 2))), "dimension -1 is 2 against 3"),
    (lambda: ops.matmul(np.ones(3), np.ones((2, 2))), r"matmul of \(3,\) and \(2, 2\)"),
    (
        lambda: ops.linear(X, np.ones((4, 2)), np.ones(3)),
        r"bias must have shape \(4,\).*got \(3,\)",
    ),
    (lambda: ops.outer(X, X), "outer takes two vectors"),
    (lambda: ops.einsum("ij,jk->ik", X, np.ones((3, 1))), "'j' is 2 in one operand and 3"),
    (lambda: ops.einsum("ij,jk", X), "names 2 operands, but 1 were given"),
    (lambda: ops.einsum("ijk->i", X), "'ijk' has 3 labels for an operand with 2 dimensions"),
    (lambda: ops.einsum("ij->ik", X), "every label of the output must be in an input"),
    (lambda: ops.einsum("ii", np.ones((2, 3))), "'i' is 2 and 3 in one operand"),
    (lambda: ops.reshape(X, (3, -1)), r"\(2, 2\) has 4 elements and cannot become \(3, -1\)"),
    (lambda: ops.reshape(X, (-1, -1)), "only one size may be -1"),
    (lambda: ops.permute(X, (0,)), "needs 2 dimensions"),
    (lambda: ops.broadcast_to(X, (2,)), "it would have to shrink"),
    (lambda: ops.flatten(X, 1, 0), "the start is after the end"),
    (lambda: ops.squeeze(X, 2), "dim 2 is out of range"),
    (lambda: ops.split(X, [1, 2]), r"add up to 3, not 2"),
    (lambda: ops.split(X, 0), "at least 1 element"),
    (lambda: ops.chunk(X, 0), "there is at least 1"),
    (lambda: ops.reshape(np.zeros((0, 3)), (0, -1)), r"has 0 elements and cannot become \(0, -1\)"),
    (lambda: ops.cat([]), "at least one array"),
    (lambda: ops.pad(X, (1,)), r"padding \(1,\) does not fit shape \(2, 2\)"),
    (lambda: ops.pad(X, (1, 1), mode="mirror"), "padding mode 'mirror' is not known"),
    (lambda: ops.take_along(X, np.zeros((3, 1), int), dim=1), "no larger except along that one"),
    (lambda: ops.gather(X, 1, np.zeros(2, int)), "as many dimensions"),
    (lambda: ops.topk(X, 3), "k is too large"),
    (lambda: ops.amax(np.zeros((2, 0)), 1), "nothing to choose from"),
    (lambda: ops.conv2d(IMAGES[0, 0], FILTERS), r"images \(N, C, H, W\)"),
    (lambda: ops.conv2d(IMAGES, FILTERS, groups=2), "expected 6 input channels, got 3"),
    (lambda: ops.conv2d(IMAGES, FILTERS, np.zeros(3)), r"bias must have shape \(4,\)"),
    (lambda: ops.conv2d(IMAGES, np.zeros((4, 3, 9, 9))), "does not fit images of 8x8"),
    (lambda: ops.conv2d(IMAGES, FILTERS, stride=0), "at least 1"),
    (lambda: ops.conv2d(IMAGES, FILTERS, padding="same", stride=2), "'same' for stride 1"),
    (
        lambda: ops.conv2d(IMAGES, FILTERS, stride=(1, 1, 1)),
        "one number or 2, one for each dimension",
    ),
    (lambda: ops.max_pool2d(IMAGES, 2, padding=2), "at most half of the window"),
    (lambda: ops.max_pool2d(np.zeros((1, 1, 0, 4)), 2), "there must be a channel and a pixel"),
    (lambda: ops.mse_loss(np.ones((4, 1)), np.ones(4)), r"\(4, 1\) and the target \(4,\)"),
    (lambda: ops.cross_entropy(X, np.array([0, 2])), "label 2 at index 1 is outside the 2 classes"),
    (lambda: ops.cross_entropy(X, np.array([0.0, 1.0])), "class labels must be integers"),
    (lambda: ops.cross_entropy(X, np.array([0, 1, 1])), r"labels of shape \(3,\)"),
    (lambda: ops.cross_entropy(X, np.array([0, 1]), reduction="men"), "did you mean 'mean'"),
    (lambda: ops.huber_loss(X, X, delta=0), "delta must be above 0"),
    (lambda: ops.binary_cross_entropy(X, X), "use binary_cross_entropy_with_logits for scores"),
    (lambda: ops.batch_norm_train(np.ones((1, 3))), r"use a larger batch, or call \.eval\(\)"),
    (lambda: ops.layer_norm(X, (3,)), r"expected the last dimensions to be \(3,\)"),
    (lambda: ops.dropout(X, -0.1, state=ops.new_state(0)), "between 0 and 1, got -0.1"),
    (lambda: ops.gelu(X, approximate="tan"), "tanh"),
]


@pytest.mark.parametrize(("f", "sentence"), REFUSED, ids=[s for _, s in REFUSED])
def test_what_cannot_be_done_is_refused_in_a_sentence(f, sentence):
    with pytest.raises(ChainruleError, match=sentence) as caught:
        f()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)
