"""Two trainings side by side, ours and PyTorch's, from the same numbers.

A problem is written once, with what tensors of both kinds can do, and names its parameters.
"""

import numpy as np

from chainrule import optim
from chainrule.autograd import Tensor

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


class Quadratic:
    """|A p - b|^2 for a vector, a number and a matrix of parameters."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.start = [rng.normal(size=shape) for shape in [(4,), (), (3, 2)]]
        self.data = [rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=(3, 2))]

    def loss(self, params, data):
        p, scale, q = params
        a, b, c = data
        return ((a @ p - b) ** 2).mean() + (scale - 2.0) ** 2 + ((q * c - 1.0) ** 2).sum()


class Network:
    """A layer of tanh and a linear one, fitted to a few points."""

    def __init__(self):
        rng = np.random.default_rng(1)
        shapes = [(3, 8), (8,), (8, 2), (2,)]
        self.start = [rng.normal(size=shape) / 2 for shape in shapes]
        self.data = [rng.normal(size=(10, 3)), rng.normal(size=(10, 2))]

    def loss(self, params, data):
        w1, b1, w2, b2 = params
        x, y = data
        return (((x @ w1 + b1).tanh() @ w2 + b2 - y) ** 2).mean()


class Twin:
    """One of the two: parameters, data and an optimiser."""

    def __init__(self, problem, tensor, library, name, options, split):
        self.problem = problem
        self.params = [tensor(a) for a in problem.start]
        self.data = [tensor(a) for a in problem.data]
        for p in self.params:
            p.requires_grad_()
        self.tensor = tensor
        self.sign = -1 if options.get("maximize") else 1
        groups = self.params
        if split:
            groups = [
                {"params": self.params[:1]},
                {"params": self.params[1:], **split},
            ]
        self.optimizer = getattr(library, name)(groups, **options)

    def learn(self, without=()):
        """One step, in which the parameters at the places `without` have no gradient."""
        self.optimizer.zero_grad()
        (self.sign * self.problem.loss(self.params, self.data)).backward()
        for i in without:
            self.params[i].grad = None
        self.optimizer.step()

    def follow(self, gradients):
        """One step along given gradients."""
        for p, g in zip(self.params, gradients):
            p.grad = self.tensor(g)
        self.optimizer.step()

    def turn_down(self, factor):
        for group in self.optimizer.param_groups:
            group["lr"] *= factor

    def numbers(self):
        return [p.detach().numpy() for p in self.params]


def ours(problem, name, options, dtype="float64", split=None):
    return Twin(problem, lambda a: Tensor(np.asarray(a), dtype=dtype), optim, name, options, split)


def theirs(torch, problem, name, options, dtype="float64", split=None):
    kind = getattr(torch, dtype)
    return Twin(problem, lambda a: torch.tensor(a, dtype=kind), torch.optim, name, options, split)


def close(a, b, where=""):
    """Parameters that agree to the rounding of their format."""
    for i, (x, y) in enumerate(zip(a.numbers(), b.numbers(), strict=True)):
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        rounding = TOLERANCE[str(x.dtype)]
        np.testing.assert_allclose(
            x, y, rtol=rounding, atol=rounding, err_msg=f"parameter {i} {where}"
        )


def same(a, b):
    """Parameters that agree in every bit."""
    for x, y in zip(a.numbers(), b.numbers(), strict=True):
        np.testing.assert_array_equal(x, y)
