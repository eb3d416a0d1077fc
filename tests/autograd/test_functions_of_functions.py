"""`func` and `autograd.functional` beside PyTorch's, on the same programs."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd.transforms import listed
from chainrule.errors import GradientError, OptionError, ShapeError

X = np.array([0.5, -1.0, 2.0])
W = np.array([[1.0, 0.5, -0.3], [0.2, -1.5, 0.7]])
BATCH = np.arange(6.0).reshape(2, 3) / 4


def run_both(program, torch, *arrays):
    """What the program gives with either library, as lists of arrays."""

    def run(library):
        found = program(library, library.func, *(library.tensor(a) for a in arrays))
        leaves = listed(found) if library is cr else torch.utils._pytree.tree_leaves(found)
        return [np.asarray(leaf.detach().numpy()) for leaf in leaves]

    found, expected = run(cr), run(torch)
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-12)


def f(w, x):
    return (w @ x).tanh()


def number(w, x):
    return (f(w, x) ** 2 * x[0]).sum()


def with_closure(t, F, w, x):
    scale = t.tensor(2.0, dtype=t.float64, requires_grad=True)
    g = F.grad(lambda z: (scale**2 * z**3).sum())(x)
    g.sum().backward()
    return g, scale.grad


def through_leaf(t, F, w, x):
    x.requires_grad_()
    F.grad(lambda z: (z**3).sum())(x).sum().backward()
    return x.grad


def dictionary(t, F, w, x):
    params = {"w": w, "more": [x, x * 2]}
    return F.grad(lambda p: number(p["w"], p["more"][0] * p["more"][1]))(params)


def perhessian(t, F, w, x):
    return F.vmap(F.hessian(lambda z: number(w, z)))(t.stack([x, x + 1]))


PROGRAMS = {
    "grad": lambda t, F, w, x: F.grad(number)(w, x),
    "grad-second": lambda t, F, w, x: F.grad(number, argnums=1)(w, x),
    "grad-both": lambda t, F, w, x: F.grad(number, argnums=(0, 1))(w, x),
    "grad-aux": lambda t, F, w, x: F.grad(lambda a: (number(w, a), a * 2), has_aux=True)(x),
    "grad-and-value": lambda t, F, w, x: F.grad_and_value(number)(w, x),
    "third": lambda t, F, w, x: F.grad(F.grad(F.grad(lambda z: z.sin())))(x[0]),
    "independent": lambda t, F, w, x: F.grad(lambda a, b: b.sum(), argnums=(0, 1))(w, x),
    "dictionary": dictionary,
    "with-closure": with_closure,
    "through-leaf": through_leaf,
    "vjp": lambda t, F, w, x: F.vjp(f, w, x)[1](x[:2] + 1),
    "jvp": lambda t, F, w, x: F.jvp(f, (w, x), (w * 0.5, x + 1)),
    "jvp-of-grad": lambda t, F, w, x: F.jvp(F.grad(lambda z: number(w, z)), (x,), (x * 2,)),
    "jacrev": lambda t, F, w, x: F.jacrev(f, argnums=(0, 1))(w, x),
    "jacfwd": lambda t, F, w, x: F.jacfwd(f, argnums=1)(w, x),
    "jacrev-of-several": lambda t, F, w, x: F.jacrev(lambda z: (z * z, {"a": z.sum()}))(x),
    "hessian": lambda t, F, w, x: F.hessian(number, argnums=1)(w, x),
    "hessian-both": lambda t, F, w, x: F.hessian(number, argnums=(0, 1))(w, x),
    "vmap": lambda t, F, w, x: F.vmap(f, in_dims=(None, 0))(w, t.stack([x, x * 2, x + 1])),
    "vmap-out": lambda t, F, w, x: F.vmap(lambda a: (a, a.sum()), in_dims=1, out_dims=(1, 0))(w),
    "vmap-nested": lambda t, F, w, x: F.vmap(lambda a: F.vmap(lambda b: a * b)(x))(w[:, 0]),
    "vmap-dictionary": lambda t, F, w, x: F.vmap(lambda d: d["a"] * d["b"])({"a": w, "b": w + 1}),
    "per-example": lambda t, F, w, x: F.vmap(F.grad(number), in_dims=(None, 0))(
        w, t.stack([x, x + 1])
    ),
    "per-example-hessian": perhessian,
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_func(program, torch):
    run_both(program, torch, W, X)


def several(w, x):
    return (w @ x).sin(), (x**2).sum()


FUNCTIONAL = {
    "jacobian": lambda A, w, x: A.jacobian(lambda z: f(w, z), x),
    "jacobian-tuples": lambda A, w, x: A.jacobian(several, (w, x)),
    "hessian": lambda A, w, x: A.hessian(lambda z: number(w, z), x),
    "hessian-tuples": lambda A, w, x: A.hessian(number, (w, x)),
    "vjp": lambda A, w, x: A.vjp(lambda z: f(w, z), x, x[:2]),
    "vjp-tuples": lambda A, w, x: A.vjp(several, (w, x), (x[:2], x[0])),
    "vjp-number": lambda A, w, x: A.vjp(lambda z: number(w, z), x),
    "jvp": lambda A, w, x: A.jvp(lambda z: f(w, z), x, x + 1),
    "jvp-tuples": lambda A, w, x: A.jvp(several, (w, x), (w, x)),
    "hvp": lambda A, w, x: A.hvp(number, (w, x), (w, x)),
    "vhp": lambda A, w, x: A.vhp(lambda z: number(w, z), x, x),
}


@pytest.mark.parametrize("program", FUNCTIONAL.values(), ids=FUNCTIONAL)
def test_functional(program, torch):
    run_both(lambda t, F, w, x: program(t.autograd.functional, w, x), torch, W, X)


def test_functional_results_have_a_history_only_if_asked(torch):
    def run(library):
        x = library.tensor(X, requires_grad=True)
        A = library.autograd.functional
        assert not A.jacobian(lambda z: z**3, x).requires_grad
        A.jacobian(lambda z: z**3, x, create_graph=True).sum().backward()
        return x.grad.numpy()

    np.testing.assert_allclose(run(cr), run(torch))


def model(library):
    net = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.Tanh(), library.nn.Linear(4, 1))
    for i, p in enumerate(net.parameters()):
        p.data = library.tensor(np.cos(np.arange(p.numel()) + i).reshape(p.shape))
    return net


def test_per_example_gradients_of_a_network(torch):
    def program(t, F, batch):
        net = model(t)
        params = {name: p.detach() for name, p in net.named_parameters()}

        def loss(params, x):
            return F.functional_call(net, params, (x,)).pow(2).sum()

        return F.vmap(F.grad(loss), in_dims=(None, 0))(params, batch)

    run_both(program, torch, BATCH)


def test_an_ensemble(torch):
    def program(t, F, batch):
        nets = [model(t), model(t)]
        with t.no_grad():
            nets[1][0].weight.mul_(2)
        params, buffers = F.stack_module_state(nets)
        assert params["0.weight"].requires_grad

        def call(params, buffers, x):
            return F.functional_call(nets[0], (params, buffers), (x,))

        return F.vmap(call, in_dims=(0, 0, None))(params, buffers, batch)

    run_both(program, torch, BATCH)


def test_a_module_is_afterwards_as_it_was():
    net = cr.nn.Linear(2, 1)
    weight = net.weight
    with pytest.raises(ShapeError):
        cr.func.functional_call(net, {"weight": cr.ones(5, 5)}, cr.ones(2))
    assert net.weight is weight
    with pytest.raises(OptionError, match=r"no tensor 'wieght'; did you mean 'weight'"):
        cr.func.functional_call(net, {"wieght": cr.ones(1, 2)}, cr.ones(2))
    with pytest.raises(OptionError, match=r"no tensor for \['bias'\]"):
        cr.func.functional_call(net, {"weight": cr.ones(1, 2)}, cr.ones(2), strict=True)


def test_results_without_anything_outside_have_no_history():
    g = cr.func.grad(lambda x: x**3)(cr.tensor(2.0))
    assert not g.requires_grad
    with cr.no_grad():
        x = cr.tensor(2.0, requires_grad=True)
        assert cr.func.grad(lambda x: x**3)(x).item() == 12.0


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda F, x: F.grad(lambda z: z)(x), ShapeError, r"one number, this gave \(3,\)"),
        (lambda F, x: F.grad(lambda z: z.sum())(x.long()), GradientError, "got int64"),
        (lambda F, x: F.grad(lambda z: z.sum(), argnums=1)(x), OptionError, "argnums 1"),
        (lambda F, x: F.vmap(lambda z: z, in_dims=None)(x), OptionError, "needs a batch"),
        (lambda F, x: F.vmap(lambda a, b: a)(x, x[:2]), ShapeError, r"one size, got \[2, 3\]"),
        (lambda F, x: F.vmap(lambda z: 1.0)(x), OptionError, "this gave float"),
        (lambda F, x: F.jvp(lambda z: z, (x,), (x[:2],)), ShapeError, "tangent of the shape"),
    ],
    ids=["not-a-number", "integers", "argnums", "no-batch", "sizes", "no-tensor", "tangent"],
)
def test_what_is_refused(use, error, message):
    with pytest.raises(error, match=message):
        use(cr.func, cr.tensor(X))


def test_same_random_numbers():
    draw = cr.vmap(lambda x: x + cr.rand(2), randomness="same")
    rows = draw(cr.zeros(3))
    assert (rows[0] == rows[2]).all()
    rows = cr.vmap(lambda x: x + cr.rand(2), randomness="different")(cr.zeros(3))
    assert (rows[0] != rows[2]).all()


def test_grad_and_backward_with_all_their_options(torch):
    def run(library):
        x, z = (library.tensor(v, requires_grad=True) for v in (X, X[:2]))
        y = x * 2
        found = library.autograd.grad((y * y).sum(), (x, z, y), materialize_grads=True)
        y = x * 2
        (y * y).sum().backward(inputs=[x])
        library.autograd.backward((z * z).sum(), inputs=z)
        return [t.numpy() for t in (*found, x.grad, z.grad)]

    for a, b in zip(run(cr), run(torch)):
        np.testing.assert_allclose(a, b)
    with pytest.raises(OptionError, match=r"use func\.jacrev or func\.vmap"):
        cr.autograd.grad(cr.ones(1), cr.ones(1), is_grads_batched=True)
