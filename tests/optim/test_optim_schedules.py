"""Schedules give PyTorch's rates."""

import json
import math
import warnings

import numpy as np
import pytest

from chainrule.autograd import zeros
from chainrule.errors import OptionError
from chainrule.optim import SGD, Adagrad, Adam, AdamW, lr_scheduler

STEPS = 100


class Falling:
    """A callable with something to save."""

    def __init__(self, speed):
        self.speed = speed

    def __call__(self, t):
        return 1 / (1 + self.speed * t)


ROWS = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.97}),
    ("MultiStepLR", {"milestones": [5, 30, 30, 80]}),
    ("MultiStepLR", {"milestones": [60, 20], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 40}),
    ("ConstantLR", {"total_iters": 0}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 50}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 90}),
    ("CosineAnnealingLR", {"T_max": 100}),
    ("CosineAnnealingLR", {"T_max": 13, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    ("LambdaLR", {"lr_lambda": [lambda t: 1 / (1 + t), Falling(0.1)]}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 101}),
    ("OneCycleLR", {"max_lr": [0.5, 0.2], "epochs": 11, "steps_per_epoch": 10, "pct_start": 0.1}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 101, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 101, "three_phase": True, "div_factor": 10.0}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.5,
            "total_steps": 120,
            "three_phase": True,
            "pct_start": 0.25,
            "anneal_strategy": "linear",
            "final_div_factor": 10.0,
            "base_momentum": [0.1, 0.2],
            "max_momentum": 0.9,
        },
    ),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 101, "cycle_momentum": False}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.95}),
    ("MultiplicativeLR", {"lr_lambda": [lambda t: t / (1 + t), Falling(0.01)]}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 90, "power": 0.5}),
    ("PolynomialLR", {"total_iters": 200, "power": 3.0}),
    ("CosineAnnealingWarmRestarts", {"T_0": 10}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7, "T_mult": 2, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 10}),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": [0.2, 0.1],
            "step_size_up": 7,
            "step_size_down": 4,
            "mode": "triangular2",
            "base_momentum": 0.6,
            "max_momentum": [0.9, 0.8],
        },
    ),
    (
        "CyclicLR",
        {
            "base_lr": [0.01, 0.02],
            "max_lr": 0.2,
            "step_size_up": 9,
            "mode": "exp_range",
            "gamma": 0.98,
            "cycle_momentum": False,
        },
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.2,
            "step_size_up": 9,
            "scale_fn": Falling(0.1),
            "scale_mode": "iterations",
        },
    ),
]
every_row = pytest.mark.parametrize(
    ("name", "options"), ROWS, ids=[f"{i}-{n}" for i, (n, _) in enumerate(ROWS)]
)


def two_groups(lr=0.1):
    groups = [zeros(1, requires_grad=True)], [zeros(1, requires_grad=True)]
    return [{"params": groups[0]}, {"params": groups[1], "lr": lr / 4}]


def ours(kind=SGD, **options):
    options = {"lr": 0.1, **({"momentum": 0.9} if kind is SGD else {}), **options}
    return kind(two_groups(options["lr"]), **options)


def theirs(torch, kind="SGD"):
    groups = [
        {"params": [torch.zeros(1, requires_grad=True)]},
        {"params": [torch.zeros(1, requires_grad=True)], "lr": 0.025},
    ]
    return getattr(torch.optim, kind)(
        groups, lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {})
    )


def follow(optimizer, schedule, steps=STEPS, *figures):
    """Rates, momenta and what the schedule says they are, from step to step."""
    rows = []
    for i in range(steps):
        groups = optimizer.param_groups
        momenta = [g.get("momentum", g.get("betas", [0])) for g in groups]
        rows.append([*(g["lr"] for g in groups), *np.ravel(momenta), *schedule.get_last_lr()])
        optimizer.step()
        schedule.step(*(f[i] for f in figures))
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@every_row
def test_as_pytorch(name, options, kind, torch):
    a = ours({"SGD": SGD, "AdamW": AdamW}[kind])
    b = theirs(torch, kind)
    found = follow(a, getattr(lr_scheduler, name)(a, **options))
    expected = follow(b, getattr(torch.optim.lr_scheduler, name)(b, **options))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "factor": 0.5},
        {"patience": 3, "cooldown": 4, "min_lr": 1e-3},
        {"patience": 0, "min_lr": [0.05, 0.001]},
        {"patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
        {"patience": 1, "mode": "max", "threshold": 0.05},
        {"patience": 1, "mode": "max", "threshold_mode": "abs", "eps": 1e-3},
    ],
    ids=str,
)
def test_plateaus_as_pytorch(options, torch):
    rng = np.random.default_rng(0)
    figures = 1 / (1 + np.arange(STEPS) / 10) + rng.normal(size=STEPS) / 20
    figures[50] = math.nan
    a, b = ours(), theirs(torch)
    found = follow(a, lr_scheduler.ReduceLROnPlateau(a, **options), STEPS, figures)
    expected = follow(b, torch.optim.lr_scheduler.ReduceLROnPlateau(b, **options), STEPS, figures)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def in_sequence(library, optimizer, which):
    if which == "warm-up":
        first = library.LinearLR(optimizer, start_factor=0.1, total_iters=10)
        return library.SequentialLR(
            optimizer, [first, library.CosineAnnealingLR(optimizer, 90)], [10]
        )
    if which == "three":
        parts = [
            library.ConstantLR(optimizer, 0.1, 20),
            library.ExponentialLR(optimizer, 0.9),
            library.StepLR(optimizer, 5, 0.5),
        ]
        return library.SequentialLR(optimizer, parts, [20, 40])
    if which == "restarts":
        parts = [library.LinearLR(optimizer), library.CosineAnnealingWarmRestarts(optimizer, 7)]
        return library.SequentialLR(optimizer, parts, [11])
    if which == "all at once":
        parts = [
            library.ConstantLR(optimizer, 0.1, 20),
            library.ExponentialLR(optimizer, 0.9),
            library.MultiplicativeLR(optimizer, lambda t: 1 + 1 / t),
        ]
        return library.ChainedScheduler(parts)
    parts = [
        library.MultiStepLR(optimizer, [3, 6], 0.5),
        library.LambdaLR(optimizer, lambda t: 1 / (1 + t)),
        library.LinearLR(optimizer, 0.5, 0.25, 7),
    ]
    return library.SequentialLR(optimizer, parts, [9, 50])


@pytest.mark.parametrize("which", ["warm-up", "three", "others", "restarts", "all at once"])
def test_one_after_another_as_pytorch(which, torch):
    a, b = ours(), theirs(torch)
    found = follow(a, in_sequence(lr_scheduler, a, which))
    expected = follow(b, in_sequence(torch.optim.lr_scheduler, b, which))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_calls_with_a_number_as_pytorch(torch):
    for name, options, epochs in [
        ("CosineAnnealingWarmRestarts", {"T_0": 3}, [0.5, 2, 3.25, 7, 30.5]),
        ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}, [0.5, 2, 3.25, 7.5, 20, 100]),
        ("StepLR", {"step_size": 3}, [4, 1, 9]),
        ("CosineAnnealingLR", {"T_max": 9}, [4, 1, 9]),
    ]:
        results = []
        for library, optimizer in (
            (lr_scheduler, ours()),
            (torch.optim.lr_scheduler, theirs(torch)),
        ):
            schedule, rates = getattr(library, name)(optimizer, **options), []
            optimizer.step()
            for epoch in epochs:
                with warnings.catch_warnings(action="ignore"):  # PyTorch would rather not be told
                    schedule.step(epoch)
                rates.append(schedule.get_last_lr())
            schedule.step()
            results.append([*rates, schedule.get_last_lr()])
        np.testing.assert_allclose(*results, rtol=1e-12)


def test_every_schedule_of_pytorchs_is_there(torch):
    assert set(torch.optim.lr_scheduler.__all__) == set(lr_scheduler.__all__)


def test_two_together_and_a_change_by_hand_as_pytorch(torch):
    results = []
    for library, optimizer in ((lr_scheduler, ours()), (torch.optim.lr_scheduler, theirs(torch))):
        first = library.ExponentialLR(optimizer, 0.99)
        second = library.CosineAnnealingLR(optimizer, 20)
        rates = []
        for i in range(STEPS):
            optimizer.step()
            first.step()
            second.step()
            if i == 30:
                optimizer.param_groups[0]["lr"] *= 3
            rates.append([g["lr"] for g in optimizer.param_groups])
        results.append(rates)
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_a_group_added_later_as_pytorch(torch):
    results = []
    extra = zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    libraries = (lr_scheduler, ours()), (torch.optim.lr_scheduler, theirs(torch))
    for (library, optimizer), p in zip(libraries, extra):
        step = library.StepLR(optimizer, 2)
        plateau = library.ReduceLROnPlateau(optimizer, patience=0)
        optimizer.add_param_group({"params": [p], "lr": 1.0})
        for _ in range(3):
            optimizer.step()
            step.step()
            plateau.step(1.0)
        results.append(step.get_last_lr() + plateau.get_last_lr())
    np.testing.assert_allclose(*results)


@every_row
def test_a_state_dict_brings_back_a_schedule(name, options):
    make = getattr(lr_scheduler, name)
    a, b = ours(), ours()
    first, second = make(a, **options), make(b, **options)
    follow(a, first, 20)
    saved = first.state_dict()
    second.load_state_dict(saved)
    b.load_state_dict(a.state_dict())
    assert second.get_last_lr() == first.get_last_lr()
    np.testing.assert_array_equal(follow(a, first, 50), follow(b, second, 50))
    assert saved["last_epoch"] == 20  # a copy


@pytest.mark.parametrize("which", ["warm-up", "three", "others", "restarts", "all at once"])
def test_a_state_dict_brings_back_a_sequence(which):
    a, b = ours(), ours()
    first, second = (in_sequence(lr_scheduler, x, which) for x in (a, b))
    follow(a, first, 25)
    second.load_state_dict(first.state_dict())
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(follow(a, first, 50), follow(b, second, 50))


def test_a_state_dict_brings_back_a_plateau():
    a, b = ours(), ours()
    first, second = (lr_scheduler.ReduceLROnPlateau(x, patience=4) for x in (a, b))
    follow(a, first, 3, [1.0] * 3)
    second.load_state_dict(first.state_dict())
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(follow(a, first, 9, [1.0] * 9), follow(b, second, 9, [1.0] * 9))


@every_row
def test_a_state_dict_holds_plain_numbers(name, options):
    optimizer = ours()
    schedule = getattr(lr_scheduler, name)(optimizer, **options)
    assert json.loads(json.dumps(schedule.state_dict())) == schedule.state_dict()


@pytest.mark.parametrize("name", ["StepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR"])
def test_going_on_from_last_epoch_as_pytorch(name, torch):
    options = {
        "StepLR": {"step_size": 7},
        "ExponentialLR": {"gamma": 0.9},
        "CosineAnnealingLR": {"T_max": 50},
        "LinearLR": {"total_iters": 30},
    }[name]
    results = []
    for library, a, b in (
        (lr_scheduler, ours(), ours()),
        (torch.optim.lr_scheduler, theirs(torch), theirs(torch)),
    ):
        follow(a, getattr(library, name)(a, **options), 11)
        b.load_state_dict(a.state_dict())
        results.append(follow(b, getattr(library, name)(b, **options, last_epoch=10), 50))
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_the_rates_said_are_a_copy():
    optimizer = ours()
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    schedule.get_last_lr()[0] = 7.0
    assert schedule.get_last_lr() == [0.1, 0.025]


def test_a_schedule_of_ones_own():
    class Harmonic(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimizer = ours()
    schedule = Harmonic(optimizer)
    optimizer.step()
    schedule.step()
    assert [g["lr"] for g in optimizer.param_groups] == [0.05, 0.0125]
    with pytest.raises(NotImplementedError, match="LRScheduler needs a get_lr"):
        lr_scheduler.LRScheduler(optimizer)


REFUSED = [
    ("StepLR", {"step_size": 0}, "step_size must be at least 1, got 0"),
    ("CosineAnnealingLR", {"T_max": 0}, "T_max must be at least 1, got 0"),
    ("ConstantLR", {"factor": 0}, "factor must be above 0 and at most 1, got 0"),
    ("LinearLR", {"start_factor": 2}, "start_factor must be above 0 and at most 1, got 2"),
    ("LinearLR", {"end_factor": -1}, "end_factor must be from 0 to 1, got -1"),
    ("LinearLR", {"total_iters": 0}, "total_iters must be at least 1, got 0"),
    ("LambdaLR", {"lr_lambda": [abs]}, "lr_lambda has 1 entries, the optimizer 2 groups"),
    (
        "OneCycleLR",
        {"max_lr": 1},
        "OneCycleLR needs total_steps, or both epochs and steps_per_epoch",
    ),
    (
        "OneCycleLR",
        {"max_lr": 1, "total_steps": 2.5},
        "total_steps must be a whole number of at least 1, got 2.5",
    ),
    (
        "OneCycleLR",
        {"max_lr": 1, "epochs": 0, "steps_per_epoch": 3},
        "epochs must be a whole number of at least 1, got 0",
    ),
    (
        "OneCycleLR",
        {"max_lr": [1, 2, 3], "total_steps": 5},
        "max_lr has 3 entries, the optimizer 2 groups",
    ),
    (
        "OneCycleLR",
        {"max_lr": 1, "total_steps": 5, "pct_start": 30},
        "pct_start must be from 0 to 1, got 30",
    ),
    (
        "OneCycleLR",
        {"max_lr": 1, "total_steps": 5, "anneal_strategy": "cosine"},
        "anneal_strategy must be 'cos' or 'linear', got 'cosine'",
    ),
    ("ReduceLROnPlateau", {"factor": 1}, "factor must be below 1, got 1"),
    ("ReduceLROnPlateau", {"mode": "most"}, "mode must be 'min' or 'max', got 'most'"),
    (
        "ReduceLROnPlateau",
        {"threshold_mode": "x"},
        "threshold_mode must be 'rel' or 'abs', got 'x'",
    ),
    ("ReduceLROnPlateau", {"min_lr": [0]}, "min_lr has 1 entries, the optimizer 2 groups"),
    ("PolynomialLR", {"total_iters": 0}, "total_iters must be at least 1, got 0"),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 1.5},
        "T_0 must be a whole number of at least 1, got 1.5",
    ),
    (
        "CyclicLR",
        {"base_lr": 0, "max_lr": 1, "mode": "square"},
        "mode must be one of triangular, triangular2, exp_range, got 'square'",
    ),
    (
        "SequentialLR",
        {"schedulers": [], "milestones": []},
        "SequentialLR needs at least one schedule, got none",
    ),
]


@pytest.mark.parametrize(("name", "options", "sentence"), REFUSED)
def test_options_out_of_range(name, options, sentence):
    optimizer = ours()
    with pytest.raises(OptionError) as caught:
        getattr(lr_scheduler, name)(optimizer, **options)
    assert str(caught.value) == sentence


def refused(call, sentence):
    with pytest.raises(OptionError) as caught:
        call()
    assert str(caught.value) == sentence


def test_what_is_no_optimiser():
    for make in (
        lambda x: lr_scheduler.ExponentialLR(x, 0.9),
        lambda x: lr_scheduler.OneCycleLR(x, 1, 5),
        lr_scheduler.ReduceLROnPlateau,
        lambda x: lr_scheduler.SequentialLR(x, [], []),
    ):
        refused(lambda make=make: make("SGD"), "a schedule needs an Optimizer, got str")


def test_sequences_that_do_not_fit():
    a, b = ours(), ours()
    step, other = lr_scheduler.StepLR(a, 3), lr_scheduler.StepLR(b, 3)
    plateau = lr_scheduler.ReduceLROnPlateau(a)
    make = lr_scheduler.SequentialLR
    refused(lambda: make(a, [step, step], []), "2 schedules need 1 milestones, got 0")
    refused(
        lambda: make(a, [step, other], [3]), "schedule 1 (StepLR) was made for another optimizer"
    )
    refused(
        lambda: make(a, [plateau], []),
        "schedule 0 is ReduceLROnPlateau, whose step needs a figure; call it apart",
    )


def test_a_cycle_that_is_over_or_has_no_momentum_to_turn():
    optimizer = ours()
    schedule = lr_scheduler.OneCycleLR(optimizer, 1, total_steps=2)
    for _ in range(2):
        optimizer.step()
        schedule.step()
    refused(
        schedule.step,
        "step() number 3 of a schedule made for 2; "
        "set total_steps to the number of batches times the number of epochs",
    )
    refused(
        lambda: lr_scheduler.OneCycleLR(ours(Adagrad), 1, total_steps=2),
        "Adagrad has no momentum to cycle; pass cycle_momentum=False",
    )


def test_a_cycle_of_one_step_does_not_divide_by_zero():
    optimizer = ours(Adam)
    schedule = lr_scheduler.OneCycleLR(optimizer, 1, total_steps=1, pct_start=0.0)
    assert all(math.isfinite(rate) for rate in schedule.get_last_lr())


def test_groups_that_a_schedule_does_not_know():
    optimizer = ours()
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, 10)
    optimizer.add_param_group({"params": [zeros(1, requires_grad=True)]})
    refused(
        schedule.step,
        "the optimizer has 3 parameter groups, it had 2 when CosineAnnealingLR was made; "
        "add groups first, or make the schedule anew",
    )


def test_going_on_without_the_initial_rates():
    refused(
        lambda: lr_scheduler.StepLR(ours(), 3, last_epoch=4),
        'to go on from last_epoch=4, group 0 of the optimizer needs "initial_lr"; '
        "load the state dict of the optimizer first",
    )


def test_a_state_dict_of_another_schedule():
    a = ours()
    step, cosine = lr_scheduler.StepLR(a, 3), lr_scheduler.CosineAnnealingLR(a, 3)
    refused(
        lambda: step.load_state_dict(cosine.state_dict()),
        "the state dict does not fit StepLR: it has no 'gamma'; was it saved by another schedule?",
    )
    refused(
        lambda: step.load_state_dict({**step.state_dict(), "extra": 1}),
        "the state dict does not fit StepLR: it has 'extra'; was it saved by another schedule?",
    )
    refused(
        lambda: step.load_state_dict(None),
        "the state dict does not fit StepLR: it has no 'anything'; "
        "was it saved by another schedule?",
    )
    one, two = (lr_scheduler.SequentialLR(a, [step] * n, list(range(1, n))) for n in (1, 2))
    refused(
        lambda: one.load_state_dict(two.state_dict()), "the state dict has 2 schedules, here are 1"
    )


def test_the_former_name_of_the_base_class():
    from chainrule.optim.lr_scheduler import _LRScheduler

    assert _LRScheduler is lr_scheduler.LRScheduler
