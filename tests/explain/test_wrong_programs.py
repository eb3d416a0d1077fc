"""Wrong programs say what is wrong with them: run as they are, recorded, replayed, and in `fit`."""

import copy
import pickle
import warnings
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import (
    CallError,
    ChainruleError,
    DataError,
    GradientError,
    OptionError,
    ShapeError,
)
from chainrule.nn import functional as F
from wrong_programs import PROGRAMS

each_program = pytest.mark.parametrize("name", PROGRAMS)


def said(program, *args, **kwargs):
    """The sentence that a program ends with."""
    with pytest.raises((ChainruleError, NotImplementedError)) as caught:
        program(*args, **kwargs)
    return str(caught.value)


@each_program
def test_it_ends_with_the_sentence(name):
    assert said(PROGRAMS[name].program, cr) == PROGRAMS[name].sentence


@each_program
def test_it_does_so_while_a_step_is_recorded(name):
    def step(x, goes_wrong):
        if goes_wrong:
            PROGRAMS[name].program(cr)
        return x * 2

    quick = cr.compile(step, executor="numpy")
    for _ in range(3):
        quick(cr.ones(2), False)
    assert quick.program is not None
    assert said(quick, cr.ones(2), True) == PROGRAMS[name].sentence


@each_program
def test_it_is_as_wrong_in_pytorch(name):
    torch = pytest.importorskip("torch")
    silent = {
        "column_against_vector",
        "vector_against_column",
        "softmax_twice",
        "sigmoid_twice",
        "nll_of_probabilities",
        "forgotten_zero_grad",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in silent:
            PROGRAMS[name].program(torch)
            return
        with pytest.raises(Exception, match=r"\w"):
            PROGRAMS[name].program(torch)


# --- what only the numbers show, found in a step that is replayed --------------------------------


class Words(nn.Module):
    """A network that looks up words and tells three kinds of sentences."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.words(x).mean(1))


def words_step(convert):
    net = Words()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    loss_of = nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_of(net(convert(x)), convert(y))
        loss.backward()
        optimizer.step()
        return loss

    return step


X, Y = np.arange(40).reshape(8, 5) % 10, np.arange(8) % 3
ROWS = np.arange(8).reshape(4, 2)

# How integers reach the network as they are, and made in the step: these are looked at in between.
CONVERSIONS = {
    "as given": (lambda x: x, lambda x: cr.tensor(x)),
    "made": (lambda x: x.long(), lambda x: cr.tensor(x).float()),
}
BAD_NUMBERS = [
    (
        X,
        np.where(np.arange(8) == 6, 5, Y),
        "CrossEntropyLoss: label 5 at index 0 is outside the 3 classes 0 to 2; if there are more "
        "classes, give the last layer an output for each",
    ),
    (
        X,
        Y + 1,
        "CrossEntropyLoss: label 3 at index 0 is outside the 3 classes 0 to 2; if they are counted "
        "from 1, use labels - 1",
    ),
    (np.where(X == 9, -1, X), Y, "words (Embedding): index -1 is outside the 10 embeddings 0 to 9"),
]


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("at_once", [False, True], ids=["single", "many"])
@pytest.mark.parametrize("conversion", CONVERSIONS)
@pytest.mark.parametrize(("x", "y", "sentence"), BAD_NUMBERS, ids=["label", "from one", "word"])
def test_bad_numbers_in_a_replay(executor, at_once, conversion, x, y, sentence):
    if executor == "native":
        pytest.importorskip("llvmlite")
    convert, given = CONVERSIONS[conversion]
    quick = cr.compile(words_step(convert), executor=executor)

    def steps(x, y):
        x, y = given(x), given(y)
        if at_once:
            quick.many(x, y, rows=ROWS)
        else:
            for rows in ROWS:
                quick(x[rows], y[rows])

    steps(X, Y)
    assert quick.program is not None
    assert said(steps, x, y) == sentence


def test_shapes_that_come_to_a_replay():
    net = nn.Sequential(nn.Linear(4, 3))
    quick = cr.compile(lambda x: F.mse_loss(net(x), x.sum(1, keepdim=True).expand(-1, 3)).detach())
    for _ in range(4):
        quick(cr.ones(2, 4))
    assert quick.program is not None
    sentence = "0 (Linear): expected 4 input features, got 5; set in_features=5"
    assert said(quick, cr.ones(2, 5)) == sentence


# --- fit ----------------------------------------------------------------------------------------


def table(*shape, dtype=np.float32):
    return np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape).astype(dtype)


def with_nan():
    x = table(16, 4)
    x[11, 2] = np.nan
    return x


CLASSES = np.arange(16) % 3
FITTED = {
    "columns": (
        nn.Sequential(nn.Linear(5, 3)),
        (table(16, 4), CLASSES),
        {},
        "0 (Linear): expected 5 input features, got 4; set in_features=4",
    ),
    "column against vector": (
        nn.Linear(4, 1),
        (table(16, 4), table(16)),
        {},
        "the prediction has shape (16, 1) and the target (16,); they must be equal, because "
        "broadcasting would compare wrong pairs; put prediction.squeeze(1), or target.unsqueeze(1)",
    ),
    "softmax": (
        nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)),
        (table(16, 4), CLASSES),
        {},
        "cross_entropy has a softmax of its own, and the prediction has been through softmax "
        "already, which leaves little to learn by; give it the scores, without softmax at the end "
        "of the network, and use it where you want probabilities",
    ),
    "from one": (
        nn.Linear(4, 3),
        (table(16, 4), CLASSES + 1),
        {"batch_size": 16, "generator": cr.Generator().manual_seed(0)},
        "if they are counted from 1, use labels - 1",
    ),
    "bytes": (
        nn.Sequential(nn.Flatten(), nn.Linear(16, 3)),
        (table(16, 4, 4, dtype=np.uint8), CLASSES),
        {},
        "1 (Linear): expected floating-point input, got uint8; convert it, for example with "
        "x.float() / 255 for images of bytes",
    ),
    "nan": (
        nn.Linear(4, 3),
        (with_nan(), CLASSES),
        {},
        "example 11 of the data; take what is not finite out of the data",
    ),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", FITTED)
def test_what_fit_says(name, compiled):
    model, data, options, sentence = FITTED[name]
    model = copy.deepcopy(model)
    told = said(cr.fit, model, data, progress=False, compile=compiled, **options)
    assert told.endswith(sentence)


# --- gradients that are added up -----------------------------------------------------------------


def backward(net):
    net(cr.ones(2, 3)).square().mean().backward()


def accumulate(net, optimizer):
    for _ in range(3):
        optimizer.zero_grad()
        backward(net)
        backward(net)
        optimizer.step()


def zeros(net, optimizer):
    for _ in range(3):
        optimizer.zero_grad(set_to_none=False)
        backward(net)
        optimizer.step()


def zeros_of_the_module(net, optimizer):
    for _ in range(3):
        net.zero_grad(set_to_none=False)
        backward(net)
        optimizer.step()


def zeros_by_hand(net, optimizer):
    for _ in range(3):
        backward(net)
        optimizer.step()
        for p in net.parameters():
            p.grad.zero_()


def zeros_of_the_data(net, optimizer):
    for _ in range(3):
        backward(net)
        optimizer.step()
        for p in net.parameters():
            p.grad.data.mul_(0.5)


def zeros_through_numpy(net, optimizer):
    for _ in range(3):
        backward(net)
        optimizer.step()
        for p in net.parameters():
            p.grad.numpy()[...] = 0


def set_by_hand(net, optimizer):
    for _ in range(3):
        backward(net)
        for p in net.parameters():
            p.grad = p.grad.clone()
        optimizer.step()
        for p in net.parameters():
            p.grad = p.grad.clone()


def made_less(net, optimizer):
    for _ in range(3):
        backward(net)
        optimizer.step()
        for p in net.parameters():
            p.grad *= 0.9


def steps_by_one_gradient(net, optimizer):
    backward(net)
    for _ in range(3):
        optimizer.step()


def two_optimizers(net, optimizer):
    other = optim.SGD(net.parameters(), lr=0.01)
    for _ in range(3):
        backward(net)
        optimizer.step()
        other.step()
        net.zero_grad()


def two_networks(net, optimizer):
    """As two networks do that learn against each other: the way back of one goes through both."""
    critic = nn.Linear(1, 1)
    of_critic = optim.SGD(critic.parameters(), lr=0.01)
    for _ in range(3):
        of_critic.zero_grad()
        critic(net(cr.ones(2, 3)).detach()).mean().backward()
        of_critic.step()
        optimizer.zero_grad()
        critic(net(cr.ones(2, 3))).mean().backward()  # adds to the gradients of the critic
        optimizer.step()


def closure(net, optimizer):
    def evaluate():
        optimizer.zero_grad()
        loss = net(cr.ones(2, 3)).square().mean()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(evaluate)


def many_evaluations(net, _optimizer):
    closure(net, optim.LBFGS(net.parameters(), max_iter=3))


def clipped(net, optimizer):
    for _ in range(3):
        optimizer.zero_grad()
        backward(net)
        nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        optimizer.step()


RIGHT = [
    accumulate, zeros, zeros_of_the_module, zeros_by_hand, zeros_of_the_data, zeros_through_numpy,
    set_by_hand, made_less, steps_by_one_gradient, two_optimizers, two_networks, closure,
    many_evaluations, clipped,
]  # fmt: skip


@pytest.mark.parametrize("program", RIGHT, ids=lambda program: program.__name__)
def test_gradients_that_are_meant(program):
    net = nn.Linear(3, 1)
    before = net.weight.detach().clone()
    program(net, optim.Adam(net.parameters(), lr=0.01))
    assert not cr.equal(net.weight, before)


def forget(net, optimizer, times=2):
    for _ in range(times):
        backward(net)
        optimizer.step()


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop, optim.Adagrad])
def test_a_gradient_that_was_used_and_not_forgotten(kind):
    net = nn.Linear(3, 1)
    optimizer = kind(net.named_parameters(), lr=0.01)
    forget(net, optimizer, 1)
    weights = copy.deepcopy(net.state_dict())
    told = said(forget, net, optimizer, 1)
    assert told.startswith(f"{kind.__name__}: the gradient of weight, of shape (1, 3), still holds")
    for name, value in net.state_dict().items():  # nothing has been changed
        assert cr.equal(value, weights[name])
    optimizer.zero_grad()
    forget(net, optimizer, 1)


def test_clipping_hides_nothing():
    net = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    forget(net, optimizer, 1)
    backward(net)
    nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    assert "still holds that of an earlier step()" in said(optimizer.step)


def test_a_forgotten_zero_grad_in_a_closure():
    net = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    optimizer.step(lambda: backward(net))
    assert "call optimizer.zero_grad()" in said(optimizer.step, lambda: backward(net))


@pytest.mark.parametrize("whole", [True, False], ids=["all of the step", "without the optimizer"])
def test_a_forgotten_zero_grad_of_a_compiled_step(whole):
    net = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.01)

    @cr.compile
    def step(x):
        loss = net(x).square().mean()
        loss.backward()
        if whole:
            optimizer.step()
        return loss

    def train():
        step(cr.ones(2, 3))
        if not whole:
            optimizer.step()

    train()
    assert "call optimizer.zero_grad()" in said(train)


def test_a_zero_grad_that_is_forgotten_after_replays():
    net = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.01)

    @cr.compile
    def step(x):
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(5):
        step(cr.ones(2, 3))
        optimizer.zero_grad()
    assert step.program is not None
    step(cr.ones(2, 3))
    assert "call optimizer.zero_grad()" in said(step, cr.ones(2, 3))


def test_what_is_noted_with_gradients_keeps_nothing_alive_and_can_be_copied():
    net = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    forget(net, optimizer, 1)
    gone = weakref.ref(optimizer)
    del optimizer
    assert gone() is None
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert cr.equal(other.weight.grad, net.weight.grad)


# --- softmax ------------------------------------------------------------------------------------

LABELS = cr.tensor([0, 2])


def scores():
    return cr.ones(2, 3, requires_grad=True) * 2


SQUASHED = {
    "twice": lambda x: F.cross_entropy(x.softmax(1), LABELS),
    "by hand": lambda x: F.cross_entropy(x.log_softmax(1).exp(), LABELS),
    "reshaped": lambda x: F.cross_entropy(x.view(2, 3, 1).softmax(1).squeeze(2), LABELS),
    "sigmoid": lambda x: F.cross_entropy(x.sigmoid(), LABELS),
    "of two": lambda x: F.binary_cross_entropy_with_logits(x.softmax(1)[:, 1], cr.ones(2)),
    "divergence": lambda x: F.kl_div(x.softmax(1), cr.ones(2, 3) / 3),
}
MEANT = {
    "scores": lambda x: F.cross_entropy(x, LABELS),
    "negative log-likelihood": lambda x: F.nll_loss(x.log_softmax(1), LABELS),
    "logarithms of probabilities": lambda x: F.nll_loss(x.softmax(1).log(), LABELS),
    "log_softmax, which changes nothing": lambda x: F.cross_entropy(x.log_softmax(1), LABELS),
    "soft targets": lambda x: F.cross_entropy(x, x.detach().softmax(1)),
    "targets with history": lambda x: F.cross_entropy(x, x.softmax(1)),
    "scaled": lambda x: F.cross_entropy(x.softmax(1) * 20, LABELS),
    "attention within": lambda x: F.cross_entropy(x.softmax(1) @ cr.ones(3, 4), LABELS),
    "probabilities": lambda x: F.binary_cross_entropy(x.sigmoid(), cr.ones(2, 3)),
    "divergence": lambda x: F.kl_div(x.log_softmax(1), cr.ones(2, 3) / 3),
    "e^x of scores": lambda x: F.cross_entropy(x.exp(), LABELS),
    "e^(x - 1)": lambda x: F.cross_entropy((x - 1).exp(), LABELS),
    "e^(x - ln 3)": lambda x: F.cross_entropy((x - (x * 0 + 3).log()).exp(), LABELS),
    "numbers": lambda x: F.cross_entropy(x.detach().softmax(1), LABELS),
}


@pytest.mark.parametrize("loss", SQUASHED.values(), ids=SQUASHED)
def test_squashed_before_a_loss_that_does_so(loss):
    with pytest.raises(OptionError, match=r"has a (softmax|sigmoid) of its own|takes logarithms"):
        loss(scores())


@pytest.mark.parametrize("loss", MEANT.values(), ids=MEANT)
def test_softmax_that_is_meant(loss):
    assert np.isfinite(loss(scores()).item())


# --- what would be spread where nobody means it ---------------------------------------------------

COLUMN, VECTOR = (4, 1), (4,)


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: F.margin_ranking_loss(a, a, b),
        lambda a, b: F.poisson_nll_loss(a, b),
        lambda a, b: F.gaussian_nll_loss(a, b, a),
        lambda a, b: F.triplet_margin_loss(a, a, b),
        lambda a, b: F.huber_loss(a, a, weight=b),
        lambda a, b: F.binary_cross_entropy_with_logits(a, a, weight=b),
        lambda a, b: F.binary_cross_entropy_with_logits(a, a, pos_weight=b),
        lambda a, b: F.multilabel_soft_margin_loss(a, a, weight=b),
    ],
    ids=["ranking", "poisson", "gaussian", "triplet", "huber", "weight", "positive", "labels"],
)
def test_nothing_makes_more_losses_than_there_are(loss):
    assert np.isfinite(loss(cr.ones(COLUMN), cr.ones(COLUMN)).item())
    with pytest.raises(ShapeError):
        loss(cr.ones(COLUMN), cr.ones(VECTOR))


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), (2, 3), ()], ids=str)
def test_factors_that_spread_over_losses(shape):
    scores = cr.ones(2, 3)
    loss = F.binary_cross_entropy_with_logits(scores, scores, weight=cr.ones(shape))
    assert loss.item() == F.binary_cross_entropy_with_logits(scores, scores).item()


# --- calls and parts -----------------------------------------------------------------------------


class Own(nn.Module):
    """A module of a person's own, whose mistakes are Python's to tell."""

    def forward(self, x, scale=1.0):
        return x.nothing * scale


def test_what_is_wrong_inside_of_a_module_of_ones_own_is_left_alone():
    with pytest.raises(AttributeError, match="nothing"):
        Own()([1.0])
    with pytest.raises(AttributeError, match="nothing"):
        nn.Sequential(Own())(cr.ones(2))


def test_too_much_is_given_to_a_module_of_ones_own():
    with pytest.raises(CallError, match=r"^0 \(Own\): its forward takes \(x, scale=\), got \(\)$"):
        Outer()(cr.ones(2))
    assert issubclass(CallError, TypeError)


class Outer(nn.Sequential):
    """Calls what is in it without anything."""

    def __init__(self):
        super().__init__(Own())

    def forward(self, x):
        return self[0]()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "None; does the forward() before it end with return?"),
        ({"x": 1}, "a dict"),
        (3, "an int; use tensor(x)"),
    ],
    ids=["none", "dict", "number"],
)
def test_what_comes_in_place_of_a_tensor(given, said):
    with pytest.raises(CallError) as caught:
        nn.Conv2d(1, 1, 3)(given)
    assert str(caught.value) == f"Conv2d: the input must be a tensor, got {said}"


def test_an_array_in_place_of_a_tensor():
    with pytest.raises(CallError, match=r"got a NumPy array; use from_numpy\(x\)"):
        nn.GRU(2, 2)(np.zeros((3, 2), np.float32))


def test_the_target_of_a_loss():
    with pytest.raises(CallError, match="HuberLoss: the target must be a tensor, got a list"):
        nn.HuberLoss()(cr.ones(2), [1.0, 1.0])


def holding(**parts):
    module = nn.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    return nn.Sequential(module)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (holding(heads={"a": nn.Linear(1, 1)}), "heads is a plain dict, .*nn.ModuleDict"),
        (holding(pair=(nn.Linear(1, 1),)), "pair is a plain tuple, .*nn.ModuleList"),
        (holding(weights=[nn.Parameter(cr.ones(1))]), "weights is a plain list, .*ParameterList"),
        (holding(w=cr.ones(1, requires_grad=True)), "Module.w is a tensor and no parameter"),
        (holding(notes=[1, 2], w=cr.ones(1)), "there is nothing to optimise"),
        (holding(layers=[nn.ReLU()]), "there is nothing to optimise"),
    ],
    ids=["dict", "tuple", "parameters", "tensor", "notes", "no parameters"],
)
def test_parameters_that_are_not_found(model, sentence):
    with pytest.raises(OptionError, match=f"params is empty; .*{sentence}"):
        optim.Adam(model.parameters())


def test_a_generator_that_has_been_gone_through():
    given = (p for p in nn.Linear(1, 1).parameters())
    list(given)
    with pytest.raises(OptionError, match="it has been gone through before"):
        optim.Adam(given)


def test_lists_beside_what_is_found_are_left_alone():
    model = holding(hidden=[nn.Linear(1, 1)], found=nn.Linear(1, 1))
    assert len(optim.Adam(model.parameters()).param_groups[0]["params"]) == 2


# --- where a history ends ------------------------------------------------------------------------


def test_the_first_thing_that_ends_a_history_is_named_through_what_follows():
    w = cr.ones(3, requires_grad=True)
    with cr.no_grad():
        inside = w * 2
    for loss, end in (
        ((inside + 1).exp().sum(), "inside no_grad()"),
        ((w * 2).detach().sum() * 3, "detach() has cut off"),
        ((w > 0).float().mean(), "gt has no derivative"),
        (w.data.sum(), "detach() has cut off"),
    ):
        with pytest.raises(GradientError) as caught:
            loss.backward()
        assert end in str(caught.value)


def test_a_history_that_goes_on_is_no_worse_for_what_ends_beside_it():
    w = cr.ones(3, requires_grad=True)
    (w * w.detach()).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.ones(3))


def test_labels_that_are_refused_are_data():
    with pytest.raises(DataError):
        F.cross_entropy(cr.zeros(1, 2), cr.tensor([2]))
