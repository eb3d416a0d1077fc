"""Parameter groups, the arrays behind their numbers, and what is refused in one sentence."""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest

from chainrule import ops, optim
from chainrule.autograd import Tensor, tensor, zeros
from chainrule.errors import OptionError, ShapeError
from chainrule.ops import exchange, update
from chainrule.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Optimizer,
    ParamGroup,
    RAdam,
    RMSprop,
    Rprop,
    SparseAdam,
)

# Those that go through a parameter by one operation, and those that are written with several.
PRIMITIVE = [SGD, Adam, AdamW, RMSprop, Adagrad]
COMPOSITE = [Adadelta, Adafactor, Adamax, NAdam, RAdam, SparseAdam, Rprop, ASGD]
ALL = PRIMITIVE + COMPOSITE


def leaf(*shape):
    return zeros(*(shape or (2,)), requires_grad=True)


def refused(call, sentence):
    """The call is refused in exactly these words."""
    with pytest.raises(OptionError) as caught:
        call()
    assert str(caught.value) == sentence


# --- numbers in arrays --------------------------------------------------------------------------


def test_numbers_read_and_write_as_numbers():
    group = Adam([leaf()], lr=1, betas=[0.5, 0.75]).param_groups[0]
    assert type(group["lr"]) is float
    assert group["betas"] == (0.5, 0.75)
    rate, betas = group.array("lr"), group.array("betas")
    assert (rate.dtype, rate.shape, betas.shape) == (np.float64, (), (2,))
    group["lr"] *= 0.1
    group["betas"] = (0.0, *group["betas"][1:])
    group.update(eps=tensor(0.5))
    assert rate == group["lr"] == 0.1
    assert betas.tolist() == [0.0, 0.75]
    assert group["eps"] == 0.5


@pytest.mark.parametrize("kind", ALL)
def test_all_numbers_of_an_optimiser_live_in_arrays(kind):
    optimizer = kind([leaf()])
    group = optimizer.param_groups[0]
    for name, default in optimizer.defaults.items():
        if name not in optimizer.numbers:
            assert group[name] is default
            assert default is None or isinstance(default, (bool, tuple))
        else:
            assert np.array_equal(group.array(name), default)


@pytest.mark.parametrize("kind", ALL)
def test_arrays_keep_their_identity(kind):
    p = leaf()
    optimizer = kind([p])
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    group = optimizer.param_groups[0]
    before = {name: group.array(name) for name in optimizer.numbers}
    rate = group["lr"]

    def step():
        p.grad = tensor([1.0, 2.0])
        optimizer.step()
        schedule.step()

    step()
    data = p.array
    state = {name: value.array for name, value in optimizer.state[p].items()}
    saved = optimizer.state_dict()
    for _ in range(2):
        step()
    optimizer.load_state_dict(saved)
    step()
    assert all(group.array(name) is array for name, array in before.items())
    assert all(optimizer.state[p][name].array is array for name, array in state.items())
    assert p.array is data
    assert group["lr"] == rate / 4


def test_a_group_is_a_mapping():
    p = leaf()
    group = SGD([p], lr=0.5).param_groups[0]
    names = ["params", "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"]
    names += ["foreach", "differentiable", "fused"]
    assert list(group) == list(dict(group)) == names
    assert len(group) == 10
    assert "lr" in group
    assert "betas" not in group
    group["note"] = "head"
    assert group.pop("note") == "head"
    assert group.setdefault("initial_lr", 3) == 3
    assert {**group}["lr"] == 0.5
    assert repr(ParamGroup({"lr": 1}, ["lr"])) == "{'lr': 1.0}"
    del group["initial_lr"]
    with pytest.raises(KeyError):
        group["initial_lr"]


def test_groups_can_be_copied_and_pickled():
    group = ParamGroup({"params": [], "lr": 0.5}, ["lr"])
    for other in (copy.deepcopy(group), pickle.loads(pickle.dumps(group))):
        other["lr"] = 1
        assert (group["lr"], other["lr"]) == (0.5, 1)


def test_what_is_no_number_cannot_become_one():
    group = Adam([leaf()]).param_groups[0]
    refused(lambda: group.update(lr="fast"), "lr must be a number, got 'fast'")
    refused(lambda: group.update(lr=True), "lr must be a number, got True")
    refused(lambda: group.update(lr=None), "lr must be a number, got None")
    refused(lambda: group.update(betas=(1, "x")), "betas must be numbers, got (1, 'x')")
    refused(lambda: group.update(lr=(1, 2)), "lr is 0.001, so it cannot become (1, 2)")
    refused(lambda: group.update(betas=0.9), "betas is (0.9, 0.999), so it cannot become 0.9")
    refused(
        lambda: group.array("beta"),
        "'beta' is not a number among the options of this group; did you mean 'betas'?; "
        "there are: lr, betas, eps, weight_decay",
    )


# --- groups of an optimiser ---------------------------------------------------------------------


def test_groups_take_what_they_do_not_say_from_the_defaults():
    a, b, c = leaf(), leaf(), leaf()
    optimizer = SGD([{"params": a}, {"params": (q for q in [b]), "lr": 0.5}], lr=0.1, momentum=0.9)
    optimizer.add_param_group({"params": [c], "momentum": 0, "name": "head"})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.9, 0.9, 0]
    assert [g["params"][0] is p for g, p in zip(optimizer.param_groups, (a, b, c))] == [True] * 3
    assert optimizer.param_groups[2]["name"] == "head"


def test_a_group_given_is_not_changed():
    given = {"params": leaf()}
    SGD([given])
    assert list(given) == ["params"]
    assert isinstance(given["params"], Tensor)


def test_parameters_may_have_names():
    optimizer = SGD([("w", leaf()), ("b", leaf())])
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]


@pytest.mark.parametrize("kind", [*ALL, LBFGS])
def test_it_prints_like_pytorch(kind, torch):
    p = leaf()
    ours = repr(kind([p], lr=0.5)).split("\n")
    theirs = repr(getattr(torch.optim, kind.__name__)([torch.zeros(1)], lr=0.5)).split("\n")
    assert [line.split(":")[0] for line in ours] == [line.split(":")[0] for line in theirs]


@pytest.mark.parametrize("kind", [*ALL, LBFGS])
def test_it_takes_what_pytorch_takes(kind, torch):
    theirs = inspect.signature(getattr(torch.optim, kind.__name__))
    ours = inspect.signature(kind)
    assert list(ours.parameters) == list(theirs.parameters)
    for name, parameter in theirs.parameters.items():
        assert ours.parameters[name].kind == parameter.kind, name
        assert ours.parameters[name].default == parameter.default, name


# --- steps --------------------------------------------------------------------------------------


def test_zero_grad():
    p, q = leaf(), leaf()
    optimizer = SGD([p, q])
    p.grad = tensor([1.0, 2.0])
    array = p.grad.array
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0]
    assert p.grad.array is array
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_is_called_and_may_find_gradients():
    p = tensor([1.0], requires_grad=True)
    optimizer = SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1
    assert p.item() == 0.5
    assert optimizer.step() is None


@pytest.mark.parametrize("kind", ALL)
def test_a_step_marks_the_parameter_as_changed(kind):
    p = tensor([1.0], requires_grad=True)
    optimizer = kind([p])
    loss = (p * p).sum()
    p.grad = tensor([1.0])
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("kind", ALL)
def test_a_step_goes_through_the_one_door_and_keeps_the_format(kind):
    p = Tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)
    optimizer = kind([p], **({"weight_decay": 0.1} if "weight_decay" in kind.numbers else {}))
    seen = []
    for _ in range(2):
        p.grad = Tensor([1.0, 2.0], dtype=np.float32)
        with ops.watch(lambda op, args, attrs, y: seen.append(op)):
            optimizer.step()
    assert seen
    assert kind in COMPOSITE or all(op.kind == "update" for op in seen)
    assert p.dtype == np.float32
    for name, value in optimizer.state[p].items():
        counts = name == "step"
        assert value.dtype == (np.float64 if counts else np.float32), name


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (SGD, {}, {"momentum": 0.9}),
        (RMSprop, {}, {"momentum": 0.9}),
        (RMSprop, {}, {"centered": True}),
        (Adam, {}, {"amsgrad": True}),
    ],
)
def test_an_option_switched_on_later_gets_its_state_then(kind, before, after):
    p = leaf()
    optimizer = kind([p], **before)
    for _ in range(2):
        p.grad = tensor([1.0, 2.0])
        optimizer.step()
        optimizer.param_groups[0].update(after)
    assert np.isfinite(p.detach().numpy()).all()


def test_the_table_of_what_changes_is_true():
    x, g, state = np.array([1.0, 2.0]), np.array([0.5, 0.6]), np.array([0.1, 0.2])
    half, step = np.array(0.5), np.array(1.0)
    calls = {
        "assign": ([x, g], {}),
        "increment": ([x], {}),
        "sgd_step": ([x, g, state, half, half], {"nesterov": True}),
        "adam_step": ([x, g, state, state, state, half, step], {"amsgrad": True}),
        "rmsprop_step": (
            [x, g, state, state, state, half],
            {"momentum": 0.9, "centered": True},
        ),
        "adagrad_step": ([x, g, state, half, step], {}),
    }
    updates = {name for name, op in ops.REGISTRY.items() if op.kind == "update"}
    assert set(calls) == updates
    between_ranks = vars(exchange).values()
    updates |= {op.name for op in between_ranks if isinstance(op, ops.Op) and op.kind == "update"}
    assert set(update.CHANGED) == updates
    for name, (arrays, attrs) in calls.items():
        args = copy.deepcopy([np.array(a) for a in arrays])
        ops.REGISTRY[name](*args, **attrs)
        changed = [i for i, (a, b) in enumerate(zip(args, arrays)) if not np.array_equal(a, b)]
        assert tuple(changed) == update.CHANGED[name], name


def test_an_optimiser_of_ones_own():
    class Plain(Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        def _update(self, p, group):
            ops.assign(p, p - p.grad * group["lr"])

    p = tensor([1.0], requires_grad=True)
    optimizer = Plain([p])
    p.grad = tensor([1.0])
    optimizer.step()
    assert p.item() == 0.5
    refused(lambda: Plain([p], lr=-1), "lr must be a number of at least 0, got -1")
    base = Optimizer([p], {"lr": 1.0})
    with pytest.raises(NotImplementedError, match="Optimizer needs an _update"):
        base.step()


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_rates_out_of_range(kind, value):
    refused(lambda: kind([leaf()], lr=value), f"lr must be a number of at least 0, got {value}")


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        (SGD, {"lr": "1"}, "lr must be a number, got '1'"),
        (SGD, {"lr": (1, 2)}, "lr must be a number of at least 0, got (1, 2)"),
        (SGD, {"momentum": -0.1}, "momentum must be a number of at least 0, got -0.1"),
        (SGD, {"dampening": math.nan}, "dampening must be a finite number, got nan"),
        (SGD, {"weight_decay": -1}, "weight_decay must be a number of at least 0, got -1"),
        (
            SGD,
            {"nesterov": True},
            "nesterov needs momentum above 0 and no dampening, got momentum=0 and dampening=0",
        ),
        (
            SGD,
            {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
            "nesterov needs momentum above 0 and no dampening, got momentum=0.9 and dampening=0.1",
        ),
        (
            Adam,
            {"betas": (0.9, 1.0)},
            "betas must be two numbers from 0 up to but not including 1, got (0.9, 1.0)",
        ),
        (
            AdamW,
            {"betas": (0.9,)},
            "betas must be two numbers from 0 up to but not including 1, got (0.9,)",
        ),
        (
            Adam,
            {"betas": 0.9},
            "betas must be two numbers from 0 up to but not including 1, got 0.9",
        ),
        (Adam, {"eps": -1}, "eps must be a number of at least 0, got -1"),
        (RMSprop, {"alpha": -1}, "alpha must be a number of at least 0, got -1"),
        (RMSprop, {"momentum": -1}, "momentum must be a number of at least 0, got -1"),
        (Adagrad, {"lr_decay": -1}, "lr_decay must be a number of at least 0, got -1"),
        (
            Adagrad,
            {"initial_accumulator_value": -1},
            "initial_accumulator_value must be a number of at least 0, got -1",
        ),
    ],
)
def test_options_out_of_range(kind, options, sentence):
    refused(lambda: kind([leaf()], **options), sentence)
    refused(lambda: kind([{"params": [leaf()], **options}]), sentence)


class Model:
    def parameters(self):
        return []

    def __repr__(self):
        return "Model()"


def test_parameters_that_are_none():
    p = leaf()
    q = p * 2
    model = type(
        "Model", (), {"parameters": lambda self: [p], "__repr__": lambda self: "Model()"}
    )()
    for params, sentence in [
        ([], "params is empty; there is nothing to optimise"),
        (iter([]), "params is empty; there is nothing to optimise"),
        (
            leaf(1),
            "params must be a list of tensors or of groups, "
            "got Tensor: tensor([0.], requires_grad=True); use [tensor]",
        ),
        (
            model,
            "params must be a list of tensors or of groups, got Model: Model(); "
            "use model.parameters()",
        ),
        (
            {"params": [p]},
            "params must be a list of tensors or of groups, got dict: "
            "{'params': [tensor([0., 0.], requires_grad=True)]}; use a list",
        ),
        ({p}, "params is a set, whose order differs from run to run; use a list instead"),
        ([p, 3], "parameter 1 of group 0 must be a Tensor, got int: 3"),
        (
            [p, np.zeros(1)],
            "parameter 1 of group 0 must be a Tensor, got ndarray: array([0.])",
        ),
        (
            [p, q],
            "parameter 1 of group 0, of shape (2,), was computed by <mul>; an optimiser changes "
            "tensors that are computed from nothing, for example x.detach()",
        ),
        (
            [("w", p), leaf()],
            "1 of 2 parameters have names; give all of them one, or none",
        ),
        (
            [p, p],
            "parameter 1 of group 0, of shape (2,), was given before; "
            "an optimiser takes each parameter once",
        ),
        (
            [{"params": [leaf(), p]}, {"params": [p]}],
            "parameter 0 of group 1, of shape (2,), was given before; "
            "an optimiser takes each parameter once",
        ),
        ([{"params": 3}], '"params" must be a list of tensors, got int: 3'),
        ([{"lr": 1}], "a parameter group is a dictionary with \"params\", got dict: {'lr': 1}"),
        (
            [{"params": [p], "momentun": 0.9}],
            "SGD has no option 'momentun'; did you mean 'momentum'?; it has: lr, momentum, "
            "dampening, weight_decay, nesterov, maximize, foreach, differentiable, fused",
        ),
    ]:
        refused(lambda params=params: SGD(params), sentence)


def test_a_group_that_is_refused_is_not_added():
    optimizer = SGD([leaf()])
    for bad in ({"params": [leaf()], "lr": -1}, {"params": optimizer.param_groups[0]["params"]}):
        with pytest.raises(OptionError):
            optimizer.add_param_group(bad)
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("kind", ALL)
def test_a_gradient_of_another_shape(kind):
    p = leaf(2, 3)
    optimizer = kind([p])
    p.grad = zeros(3)
    with pytest.raises(ShapeError) as caught:
        optimizer.step()
    assert str(caught.value) == (
        "the gradient has shape (3,), the parameter (2, 3); they must be equal"
    )


def test_a_frozen_parameter_is_left_alone():
    frozen, p = zeros(2), leaf()
    optimizer = SGD([frozen, p], lr=0.1)
    (p * p + frozen).sum().backward()
    optimizer.step()
    assert frozen.tolist() == [0.0, 0.0]


# --- hooks, and optimisers in PyTorch's manner ---------------------------------------------------


class Heavy(Optimizer):
    """Momentum, as a person writes it for PyTorch."""

    def __init__(self, params, lr=0.1, kept=0.5):
        super().__init__(params, {"lr": lr, "kept": kept})

    def step(self, closure=None):
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if len(state) == 0:
                    state["step"], state["v"] = 0, p.detach() * 0
                state["step"] += 1
                state["v"].mul_(group["kept"]).add_(p.grad)
                p.data.add_(state["v"], alpha=-group["lr"])
        return loss


def test_a_step_of_ones_own_with_state_of_ones_own():
    def run(optimizer, p, steps):
        for _ in range(steps):
            p.grad = p.detach() * 2
            optimizer.step()
        return p.tolist()

    p, q = tensor([1.0], requires_grad=True), tensor([1.0], requires_grad=True)
    a = Heavy([p])
    run(a, p, 3)
    saved = a.state_dict()
    assert saved["state"][0]["step"] == 3
    assert type(saved["state"][0]["step"]) is int
    b = Heavy([q], lr=0.7)
    b.load_state_dict(saved)
    q.data.copy_(p.detach())
    assert run(a, p, 3) == run(b, q, 3)
    assert saved["state"][0]["step"] == 3  # a copy


@pytest.mark.parametrize("kind", [SGD, Heavy])
def test_hooks_of_steps(kind):
    p = tensor([1.0], requires_grad=True)
    optimizer, seen = kind([p], lr=0.5), []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", o, args))),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", o, args))),
    ]
    p.grad = tensor([1.0])
    optimizer.step()
    assert [(when, o is optimizer, args) for when, o, args in seen] == [
        ("pre", True, ()),
        ("post", True, ()),
    ]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 2
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: "other",), {}))
    assert optimizer.step() == "other"
    handle.remove()


def test_hooks_of_saving():
    optimizer, seen = SGD([leaf()], lr=0.5), []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("save"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append(state.pop("note")))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append("first"), prepend=True)
    state = optimizer.state_dict()
    assert state["note"] == 1
    optimizer.load_state_dict(state)
    assert seen == ["save", "first", 1, "loaded"]


def test_notes_in_groups_and_what_is_refused():
    optimizer = SGD([{"params": [leaf()], "lr_scale": 0.5}])
    assert optimizer.param_groups[0]["lr_scale"] == 0.5
    refused(
        lambda: Adam([leaf()], differentiable=True),
        "differentiable=True, a gradient through the steps themselves, is not offered; write the "
        "step with operations on tensors instead: p = p - lr * grad",
    )
    refused(
        lambda: LBFGS([{"params": [leaf()]}, {"params": [leaf()]}]),
        "LBFGS takes one group: its curvature is that of all parameters together",
    )
    refused(
        lambda: LBFGS([leaf()]).step(),
        "LBFGS.step needs a closure that computes the loss anew: zero_grad, loss, backward",
    )
    refused(
        lambda: Rprop([leaf()], etas=(1.5, 2.0)),
        "etas must be one below and one above 1, got (1.5, 2.0)",
    )
    refused(lambda: Adafactor([leaf()], d=0.5), "d must be at least 1, got 0.5")
    refused(
        lambda: optim.Muon([zeros(2, 2, requires_grad=True)], adjust_lr_fn="x"),
        "adjust_lr_fn must be 'original' or 'match_rms_adamw', got 'x'",
    )
    with pytest.raises(ShapeError, match=r"Muon is for matrices, got a parameter of shape \(2,\)"):
        optim.Muon([leaf()])
