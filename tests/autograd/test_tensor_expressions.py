"""Random expressions, drawn as trees, have PyTorch's values and gradients to ten digits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.autograd import Tensor, grad

LEAVES = 3
SHAPES = [(), (3,), (2, 1), (2, 3), (1, 3)]

# Smooth and tame: no pole or overflow for arguments of any size that a small tree can make.
UNARY = {
    "sin": lambda x: x.sin(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "soften": lambda x: (x * x + 1).sqrt(),
    "negate": lambda x: -x,
    "bell": lambda x: (-(x * x)).exp(),
    "logarithm": lambda x: (x.abs() + 1.5).log(),
    "mean of rows": lambda x: x.mean(-1, keepdim=True) if x.ndim else x,
    "sum": lambda x: x.sum() * 0.1,
    "transpose": lambda x: x.transpose(0, 1) if x.ndim == 2 else x,
    "flatten": lambda x: x.reshape(-1)[:1] if x.ndim else x,
    "softmax": lambda x: x.softmax(-1) if x.ndim else x,
    "largest": lambda x: x.amax(-1, keepdim=True) if x.ndim else x,
    "shift": lambda x: x * 0.5 - 0.25,
    "clip": lambda x: x.clamp(-0.7, 0.6),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1),
    "pow": lambda a, b: (a * a + 0.5) ** b.tanh(),
    "maximum": lambda a, b: a.maximum(b),
    "where": lambda a, b: (a * 1).where(a > b, b),
}

trees = st.recursive(
    st.integers(0, LEAVES - 1),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), inner),
        st.tuples(st.sampled_from(sorted(BINARY)), inner, inner),
    ),
    max_leaves=12,
)


def evaluated(tree, leaves):
    """The value of a tree; operands whose shapes do not go together are added up first."""
    if isinstance(tree, int):
        return leaves[tree]
    name, *parts = tree
    values = [evaluated(part, leaves) for part in parts]
    if len(values) == 1:
        return UNARY[name](values[0])
    try:
        np.broadcast_shapes(*(tuple(v.shape) for v in values))
    except ValueError:
        values = [v.sum() for v in values]
    return BINARY[name](*values)


def arrays(shapes, seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, shape) for shape in shapes]


def gradients(y, leaves, grad):
    """First and second derivatives of the sum of y by all leaves, zeros where there are none."""
    first = grad(y.sum(), leaves, create_graph=True, allow_unused=True)
    total = sum(((g * g).sum() for g in first if g is not None and g.requires_grad), y.sum() * 0)
    second = grad(total, leaves, allow_unused=True)
    return [
        np.zeros(tuple(x.shape)) if g is None else g.detach().numpy()
        for g, x in zip((*first, *second), (*leaves, *leaves))
    ]


@settings(max_examples=150)
@given(
    tree=trees,
    shapes=st.lists(st.sampled_from(SHAPES), min_size=LEAVES, max_size=LEAVES),
    seed=st.integers(0, 2**16),
)
def test_values_and_derivatives(torch, tree, shapes, seed):
    values = arrays(shapes, seed)
    ours = [Tensor(v, requires_grad=True) for v in values]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    found, expected = evaluated(tree, ours), evaluated(tree, theirs)
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), **close)
    for a, b in zip(gradients(found, ours, grad), gradients(expected, theirs, torch.autograd.grad)):
        np.testing.assert_allclose(a, b, **close)


@settings(max_examples=100)
@given(tree=trees, seed=st.integers(0, 2**16))
def test_arrays_and_tensors_and_kept_graphs_agree(tree, seed):
    values = arrays([(2, 3)] * LEAVES, seed)
    leaves = [Tensor(v, requires_grad=True) for v in values]
    y = evaluated(tree, leaves).sum()
    once = grad(y, leaves, retain_graph=True, allow_unused=True)
    again = grad(y, leaves, create_graph=True, allow_unused=True)
    for a, b in zip(once, again):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)
