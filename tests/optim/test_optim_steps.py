"""Every optimiser, with every option, goes where PyTorch's goes."""

import numpy as np
import pytest

from optim.twins import Network, Quadratic, close, ours, theirs

STEPS = 100

ROWS = [
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "maximize": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.7, "dampening": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.7, 0.99), "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.005}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.95, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.005, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.002, "momentum": 0.5}),
    ("RMSprop", {"lr": 0.002, "centered": True, "eps": 1e-3}),
    ("RMSprop", {"lr": 0.005, "maximize": True}),
    (
        "RMSprop",
        {
            "lr": 0.001,
            "momentum": 0.5,
            "centered": True,
            "eps": 1e-3,
            "weight_decay": 0.1,
            "maximize": True,
        },
    ),
    ("Adagrad", {"lr": 0.05}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.05}),
    ("Adagrad", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.05, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.05, "maximize": True}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.01, "weight_decay": 0.1, "maximize": True}),
    ("Adadelta", {"lr": 0.5}),
    ("Adamax", {"lr": 0.01}),
    ("Adamax", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.01}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Rprop", {"lr": 0.01, "etas": (0.4, 1.3), "step_sizes": (1e-4, 0.1), "maximize": True}),
    ("ASGD", {"lr": 0.01}),
    ("ASGD", {"lr": 0.01, "lambd": 0.01, "alpha": 0.6, "t0": 20, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.01, "t0": 0, "maximize": True}),
]

# Here a difference in the last digit of a gradient near 0 grows from step to step, for PyTorch's
# own implementations among themselves as well, so they are followed along given gradients only.
WILD = [
    ("Adam", {"lr": 0.01, "betas": (0.7, 0.9), "eps": 1e-4}),
    ("Adam", {"lr": 0.01, "betas": (0.0, 0.9), "eps": 1e-2}),
    ("Adam", {"lr": 0.01, "betas": (0.4, 0.0)}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.5}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.0, "momentum": 1.0}),
    ("Adadelta", {"lr": 1.0, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", {"lr": 0.01}),
    ("Adafactor", {"lr": 0.01}),
    (
        "Adafactor",
        {"lr": 0.05, "beta2_decay": -0.5, "eps": (1e-4, 1e-2), "d": 2.0, "weight_decay": 0.1},
    ),
    ("Adafactor", {"maximize": True}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 0.01, "maximize": True}),
]


def named(rows):
    """The rows as parameters of a test."""
    names = [f"{name}-{'-'.join(options) or 'defaults'}" for name, options in rows]
    return pytest.mark.parametrize(("name", "options"), rows, ids=names)


# One of each, with state.
some_rows = named(
    [
        ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}),
        ("Adam", {"lr": 0.01, "amsgrad": True}),
        ("AdamW", {"lr": 0.01}),
        ("RMSprop", {"lr": 0.002, "momentum": 0.5, "centered": True, "eps": 1e-3}),
        ("Adagrad", {"lr": 0.05, "lr_decay": 0.05}),
    ]
)
in_both_formats = pytest.mark.parametrize("dtype", ["float32", "float64"])
on_both_problems = pytest.mark.parametrize(
    "problem", [Quadratic(), Network()], ids=["quadratic", "network"]
)


@on_both_problems
@in_both_formats
@named(ROWS)
def test_as_pytorch(name, options, dtype, problem, torch):
    a = ours(problem, name, options, dtype)
    b = theirs(torch, problem, name, options, dtype)
    for step in range(STEPS):
        a.learn()
        b.learn()
        close(a, b, f"after step {step}")


@in_both_formats
@named(ROWS + WILD)
def test_as_pytorch_along_given_gradients(name, options, dtype, torch):
    problem = Quadratic()
    a = ours(problem, name, options, dtype)
    b = theirs(torch, problem, name, options, dtype)
    rng = np.random.default_rng(2)
    for step in range(STEPS):
        gradients = [rng.normal(size=p.shape) * 10.0 ** rng.integers(-3, 3) for p in problem.start]
        a.follow(gradients)
        b.follow(gradients)
        close(a, b, f"after step {step}")


@in_both_formats
@some_rows
def test_two_groups_and_a_rate_turned_by_hand(name, options, dtype, torch):
    split = {"lr": options["lr"] / 3, "weight_decay": 0.05}
    a = ours(Network(), name, options, dtype, split)
    b = theirs(torch, Network(), name, options, dtype, split)
    for step in range(STEPS):
        if step == 40:
            a.turn_down(0.3)
            b.turn_down(0.3)
        a.learn()
        b.learn()
    close(a, b)
    assert [g["lr"] for g in a.optimizer.param_groups] == [
        g["lr"] for g in b.optimizer.param_groups
    ]


@in_both_formats
@some_rows
def test_a_rate_turned_by_a_schedule(name, options, dtype, torch):
    a = ours(Network(), name, options, dtype)
    b = theirs(torch, Network(), name, options, dtype)
    from chainrule.optim import lr_scheduler

    schedules = [
        library.OneCycleLR(
            twin.optimizer, max_lr=0.01, total_steps=STEPS, cycle_momentum=name != "Adagrad"
        )
        for library, twin in [(lr_scheduler, a), (torch.optim.lr_scheduler, b)]
    ]
    for _ in range(STEPS):
        for twin, schedule in zip((a, b), schedules):
            twin.learn()
            schedule.step()
    close(a, b)


@in_both_formats
@some_rows
def test_parameters_that_miss_gradients(name, options, dtype, torch):
    a = ours(Network(), name, options, dtype)
    b = theirs(torch, Network(), name, options, dtype)
    for step in range(STEPS):
        without = {0: [1, 3], 1: [0], 2: []}[step % 3]
        a.learn(without)
        b.learn(without)
    close(a, b)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_parameters_of_any_layout_in_memory(name):
    """Fortran order, strides, and sizes that are worked through in pieces."""
    from chainrule import optim
    from chainrule.autograd import Tensor
    from chainrule.ops import update

    rng = np.random.default_rng(3)
    start, slope = rng.normal(size=(2, 500, 600))
    assert start.size > 2 * update.PIECE
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    results = []
    for order in (
        np.ascontiguousarray,
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    ):
        for g_order in (np.ascontiguousarray, np.asfortranarray):
            p = Tensor([0.0], requires_grad=True)
            p.array = order(start).copy(order="K")
            optimizer = getattr(optim, name)([p], **options)
            for _ in range(3):
                p.grad = Tensor([0.0])
                p.grad.array = g_order(slope)
                optimizer.step()
            results.append(p.detach().numpy())
    whole = Tensor(start[:100], requires_grad=True)  # small enough to be taken in one go
    optimizer = getattr(optim, name)([whole], **options)
    for _ in range(3):
        whole.grad = Tensor(slope[:100])
        optimizer.step()
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    np.testing.assert_array_equal(results[0][:100], whole.detach().numpy())


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_an_empty_parameter_and_a_gradient_of_zeros_do_no_harm(name):
    from chainrule import optim
    from chainrule.autograd import Tensor, zeros

    p, q = zeros(0, 3, requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = getattr(optim, name)([p, q], weight_decay=0)
    for _ in range(2):
        p.grad, q.grad = zeros(0, 3), zeros(1)
        optimizer.step()
    assert q.item() == 1.0


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("value", [np.inf, np.nan, 3e38])
def test_what_is_not_finite_passes_without_a_warning(name, value):
    from chainrule import optim
    from chainrule.autograd import Tensor

    p = Tensor([1.0], requires_grad=True)
    optimizer = getattr(optim, name)([p])
    p.grad = Tensor([value])
    optimizer.step()
    assert p.dtype == np.float32
