"""The summary of networks that can be counted by hand; what it shows, and that it changes nothing.

n, k and m below are sizes of products (n, k) x (k, m), which have n k m multiply-adds. An operation
on single numbers is half of one, so a bias that is added to n rows of m numbers is n m / 2.
"""

from __future__ import annotations

import copy
import traceback

import numpy as np
import pytest
from bench.networks import network
from bench.workloads import WORKLOADS

import chainrule as cr
from chainrule import explain, nn, optim
from chainrule.autograd import Function
from chainrule.autograd.checkpoint import checkpoint
from chainrule.errors import OptionError, ShapeError
from chainrule.explain import Summary, summary
from chainrule.nn import functional as F
from chainrule.ops.core import LISTENERS, READERS, WATCHERS


def row(found, path):
    (one,) = (row for row in found.rows if row.path == path)
    return one


def products(row, phase):
    """Multiply-adds of products alone."""
    calls = [c for c in row.calls if c.phase == phase and c.op.kind == "contract"]
    return sum(c.cost.flops for c in calls) / 2


class TwoWays(nn.Module):
    """A module with operations of its own, and one in it that is called twice."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4, bias=False)
        self.scale = nn.Parameter(cr.ones(4))

    def forward(self, x):
        y = F.relu(self.layer(x))
        return (self.layer(y) + x) * self.scale, y


# --- counted by hand ----------------------------------------------------------------------------


def test_a_perceptron():
    n = 64
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, bias=False))
    found = summary(net, cr.ones(n, 784))
    first, relu, last = found.rows[1:]
    assert [r.shape for r in found.rows] == [(n, 10), (n, 128), (n, 128), (n, 10)]
    assert [r.parameters for r in found.rows] == [784 * 128 + 128 + 1280, 784 * 128 + 128, 0, 1280]
    assert first.forward == n * 784 * 128 + n * 128 / 2
    assert relu.forward == n * 128 / 2
    assert last.forward == n * 128 * 10
    # Back: of the first layer the weights and the bias alone, for nobody asks for the input's.
    assert first.backward == n * 784 * 128 + n * 128 / 2
    assert relu.backward == 2 * n * 128 / 2  # a comparison, a product
    assert last.backward == 2 * n * 128 * 10
    assert found.forward == sum(r.forward for r in (first, relu, last))
    assert (found.parameters, found.learned) == (784 * 128 + 128 + 1280,) * 2
    # What relu gives is kept once, though relu and the next layer read it.
    assert [r.kept for r in found.rows] == [4 * n * 128, 0, 4 * n * 128, 0]


def test_an_input_that_wants_a_gradient_takes_more_work():
    x = cr.ones(5, 3, requires_grad=True)
    assert summary(nn.Linear(3, 2, bias=False), x).backward == 2 * 5 * 3 * 2
    assert summary(nn.Linear(3, 2, bias=False), x.detach()).backward == 5 * 3 * 2
    assert x.grad is None


def test_a_convolutional_network():
    """LeNet-5's layers on one image."""
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    found = summary(net, cr.ones(1, 1, 28, 28))
    first, second = row(found, "0 (Conv2d)"), row(found, "3 (Conv2d)")
    assert first.shape == (1, 6, 28, 28)
    assert second.shape == (1, 16, 10, 10)
    assert row(found, "6 (Flatten)").shape == (1, 400)
    assert first.parameters == 6 * 25 + 6
    assert second.parameters == 16 * 6 * 25
    assert found.parameters == 156 + 2400 + 48120 + 10164 + 850
    assert first.forward == 28 * 28 * 6 * 25 + 28 * 28 * 6 / 2
    assert second.forward == 10 * 10 * 16 * 6 * 25
    assert products(first, "backward") == 28 * 28 * 6 * 25
    assert products(second, "backward") == 2 * 10 * 10 * 16 * 6 * 25
    assert row(found, "6 (Flatten)").forward == 0


def test_a_recurrent_network():
    """Of each step the input's and the state's product for four gates, and ten operations each."""
    n, steps, inputs, hidden = 4, 5, 8, 16
    found = summary(nn.LSTM(inputs, hidden, batch_first=True), cr.ones(n, steps, inputs))
    (whole,) = found.rows
    assert whole.shape == [(n, steps, hidden), [(1, n, hidden), (1, n, hidden)]]
    assert "(4, 5, 16), (1, 4, 16), (1, 4, 16)" in str(found)
    gates = 4 * hidden
    assert whole.parameters == gates * (inputs + hidden + 2)
    rows = n * steps
    # The two biases are added, and their sum is to every row.
    biases = gates / 2 + rows * gates / 2
    assert whole.forward == rows * gates * (inputs + hidden + 5) + biases
    # Back: the state's product again, both weights; the input wants no gradient.
    least = rows * gates * (hidden + hidden + inputs)
    assert least <= products(whole, "backward") < 1.2 * least
    assert whole.kept >= 4 * rows * (gates + hidden)


@pytest.mark.parametrize("weights", [True, False])
def test_attention(weights):
    n, length, width = 2, 5, 16

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.attend = nn.MultiheadAttention(width, 4, batch_first=True)

        def forward(self, x):
            return self.attend(x, x, x, need_weights=weights)[0]

    found = summary(Own(), cr.ones(n, length, width))
    attend = row(found, "attend (MultiheadAttention)")
    assert attend.parameters == 4 * (width * width + width)
    projected, scores = n * length * width * width, n * length * length * width
    forward = products(attend, "forward")
    # Where the weights are not asked for, an operation of its own makes them, with 5 each.
    own = 4 * n * length * length * 5 / 2
    biases = 4 * n * length * width / 2
    assert forward == 4 * projected + 2 * scores + biases + (0 if weights else own)
    # Back: each product twice, but of queries, keys and values the weights alone; and where the
    # weights of attention were not kept, they are made again.
    back = 2 * projected + 3 * projected + 4 * scores + (0 if weights else scores + 2 * own)
    assert products(attend, "backward") == back


def test_a_layer_that_is_shared():
    found = summary(TwoWays(), cr.ones(3, 4))
    whole, first, second, besides = found.rows
    assert first.path == second.path == "layer (Linear)"
    assert (first.parameters, first.shared) == (16, 0)
    assert (second.parameters, second.shared) == (0, 16)
    assert first.forward == second.forward == 3 * 4 * 4
    # The later call is the earlier on the way back. Its input has another gradient to be added to;
    # and the first call's gradient of the weights is added to that of the second.
    assert second.backward == 2 * 3 * 4 * 4 + 3 * 4 / 2
    assert first.backward == 3 * 4 * 4 + 4 * 4 / 2
    assert whole.parameters == found.parameters == 20
    assert whole.shape == [(3, 4), (3, 4)]
    assert besides.own
    assert besides.path == "relu, add, mul"
    assert besides.forward == 3 * (3 * 4) / 2
    assert whole.forward == first.forward + second.forward + besides.forward
    assert whole.backward == first.backward + second.backward + besides.backward
    assert whole.kept == first.kept + second.kept + besides.kept
    table = str(found).splitlines()
    assert [line.split()[-5] for line in table[2:4]] == ["16", "shared"]


def test_weights_that_are_tied_are_counted_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(7, 4)
            self.out = nn.Linear(4, 7)
            self.out.weight = self.words.weight

        def forward(self, x):
            return self.out(self.words(x))

    found = summary(Tied(), cr.tensor([[1, 2], [3, 0]]))
    assert [r.parameters for r in found.rows] == [35, 28, 7]
    assert row(found, "out (Linear)").shared == 28
    assert "7 + shared" in str(found)


WORKLOAD = next(w for w in WORKLOADS.values() if w.network == "resnet")


def test_a_residual_network_has_the_products_that_the_bench_counts():
    n = 2
    described = network(WORKLOAD)
    found = summary(described.module(cr), cr.ones(n, *described.row))
    forward = products(found.rows[0], "forward") + products(found.rows[0], "backward")
    (last,) = (r for r in found.rows if r.path == "6 (Linear)")
    bias = n * last.shape[1] / 2  # which is part of the operation of the last layer
    assert 2 * (forward - bias) == n * described.flops
    blocks = [r for r in found.rows if r.path.endswith("(Block)")]
    assert len(blocks) == 8
    for block in blocks:
        inside = [r for r in found.rows if r.path.startswith(block.path.removesuffix(" (Block)"))]
        parts = [r for r in inside if r.depth == block.depth + 1]
        assert block.parameters == sum(r.parameters for r in parts)
    besides = [r for r in found.rows if r.own and r.path == "relu, add"]
    assert len(besides) == 8


def test_what_is_checkpointed_is_computed_again_on_the_way_back():
    class Again(nn.Module):
        def __init__(self, again):
            super().__init__()
            self.part = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Tanh())
            self.last = nn.Linear(4, 2, bias=False)
            self.again = again

        def forward(self, x):
            return self.last(checkpoint(self.part, x) if self.again else self.part(x))

    plain, again = (summary(Again(a), cr.ones(8, 4)) for a in (False, True))
    once, twice = plain.rows[0], again.rows[0]
    part = row(plain, "part (Sequential)")
    assert products(twice, "forward") == products(once, "forward")
    assert products(twice, "backward") == products(once, "backward") + products(part, "forward")
    assert [r.path for r in again.rows if not r.own] == [r.path for r in plain.rows]
    assert again.kept < plain.kept


def test_functions_of_a_persons_own():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (3 * x * x)

    class Own(nn.Module):
        def forward(self, x):
            return Cube.apply(x)

    net = nn.Sequential(nn.Linear(3, 3), Own())
    own = row(summary(net, cr.ones(4, 3)), "1 (Own)")
    assert own.forward == 2 * 12 / 2
    assert [c.op.name for c in own.calls if c.phase == "backward"].count("mul") == 3


def test_the_loss_is_a_row():
    net = nn.Sequential(nn.Linear(3, 2, bias=False))
    target = cr.zeros(4, 2)
    found = summary(net, cr.ones(4, 3), loss=lambda y: F.mse_loss(y, target))
    loss = found.rows[-1]
    assert (loss.path, loss.depth) == ("loss", 0)
    assert loss.forward > 0 < loss.backward
    assert found.forward == 4 * 3 * 2 + loss.forward
    assert found.backward == 4 * 3 * 2 + loss.backward
    as_module = summary(net, cr.ones(4, 3), loss=lambda y: nn.MSELoss()(y, target))
    assert [r.path for r in as_module.rows] == ["Sequential", "0 (Linear)", "loss"]
    assert as_module.backward == found.backward


def test_without_parameters_there_is_no_way_back():
    found = summary(nn.Sequential(nn.ReLU(), nn.Flatten()), cr.ones(2, 3, 4))
    assert [r.backward for r in found.rows] == [0, 0, 0]
    assert found.kept == 0
    frozen = nn.Linear(3, 2).requires_grad_(False)
    assert (summary(frozen, cr.ones(1, 3)).parameters, summary(frozen, cr.ones(1, 3)).learned) == (
        8,
        0,
    )


# --- what it takes ------------------------------------------------------------------------------


def test_sizes_in_place_of_arguments():
    net = nn.Linear(3, 2)
    assert summary(net, input_size=(5, 3)).rows[0].shape == (5, 2)
    both = nn.Bilinear(3, 4, 2)
    assert summary(both, input_size=[(5, 3), (5, 4)]).rows[0].shape == (5, 2)
    assert summary(net, np.ones((6, 3), np.float32)).rows[0].shape == (6, 2)
    for wrong in ({}, {"input_size": (5, 3)}):
        with pytest.raises(OptionError, match="summary takes the arguments of the model"):
            summary(net, *[cr.ones(5, 3)][: len(wrong)], **wrong)
    with pytest.raises(OptionError, match="layer by layer, got function"):
        summary(lambda x: x, cr.ones(1))


def test_a_loss_that_is_none():
    for wrong, came in [(lambda y: 1.0, "float"), (lambda y: y, r"shape \(5, 2\)")]:
        with pytest.raises(OptionError, match=f"a tensor of one number, got {came}"):
            summary(nn.Linear(3, 2), cr.ones(5, 3), loss=wrong)


def test_measured_times():
    found = summary(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), cr.ones(5, 3), measure=True)
    assert [r.path for r in found.rows] == ["Sequential", "0 (Linear)", "1 (ReLU)"]
    whole, *parts = found.rows
    assert all(r.measured > 0 for r in found.rows)
    assert whole.measured == pytest.approx(sum(r.measured for r in parts))
    assert found.measured == whole.measured
    assert "measured" in str(found)
    assert "measured" not in str(summary(nn.Linear(3, 2), cr.ones(5, 3)))


# --- what it shows ------------------------------------------------------------------------------


def test_in_notebooks():
    class Odd(nn.Module):
        def forward(self, x):
            return {"<b>": x * 2}

    page = summary(nn.Sequential(Odd()), cr.ones(1, 2))._repr_html_()
    assert "<table" in page
    assert "&lt;b&gt; (1, 2)" in page
    assert "<b>" not in page


def test_up_to_the_layer_that_fails():
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)), nn.Tanh())
    with pytest.raises(ShapeError, match=r"1.1 \(Linear\): expected 5 input features") as caught:
        summary(net, cr.ones(2, 3))
    lines = "".join(traceback.format_exception(caught.value)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("layer"))
    assert [line.split() for line in lines[start:]] == [
        ["layer", "output", "parameters", "forward"],
        ["Sequential", "28", "32"],
        ["0", "(Linear)", "(2,", "4)", "16", "28"],
        ["1", "(Sequential)", "12", "4"],
        ["1.0", "(ReLU)", "(2,", "4)", "0", "4"],
        ["1.1", "(Linear)", "fails", "here", "12", "0"],
    ]
    assert lines[start - 2].startswith("chainrule.errors.ShapeError: 1.1 (Linear)")


def test_any_error_has_the_table():
    class Own(nn.Module):
        def forward(self, x):
            raise KeyError("no")

    with pytest.raises(KeyError) as caught:
        summary(nn.Sequential(nn.ReLU(), Own()), cr.ones(2, 3))
    assert "1 (Own)" in caught.value.__notes__[0]
    with pytest.raises(TypeError) as caught:
        summary(nn.Linear(2, 2), cr.ones(2, 2), cr.ones(2, 2))
    assert "fails here" in caught.value.__notes__[0]


# --- what it leaves as it is --------------------------------------------------------------------


def everything(model):
    """All that there is to see of a model."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    grads = {k: p.grad.numpy().copy() for k, p in model.named_parameters() if p.grad is not None}
    return (
        {k: (id(v), v.detach().numpy().copy()) for k, v in tensors.items()},
        grads,
        [m.training for m in model.modules()],
        [copy.copy(vars(m).get("_hooks")) for m in model.modules()],
        cr.get_rng_state().tolist(),
    )


def model_with_everything():
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.ReLU(inplace=True))
    net.append(nn.Linear(6, 2))
    net[1].eval()
    net(cr.ones(3, 4)).sum().backward()
    net[0].register_forward_hook(lambda *_: None)
    return net


@pytest.mark.parametrize("width", [4, 5], ids=["well", "failing"])
def test_nothing_is_changed(width):
    net = model_with_everything()
    net[1].train()
    x = cr.ones(3, width, requires_grad=True)
    before = everything(net)
    there = len(LISTENERS), len(WATCHERS), dict(READERS)
    try:
        summary(net, x, measure=True)
    except ShapeError:
        assert width == 5
    np.testing.assert_equal(everything(net), before)
    assert (len(LISTENERS), len(WATCHERS), dict(READERS)) == there
    assert x.grad is None
    np.testing.assert_array_equal(x.detach(), np.ones((3, width)))


def test_arguments_are_not_changed_in_place():
    x = cr.tensor([[-1.0, 2.0]])
    summary(nn.ReLU(inplace=True), x)
    assert x.tolist() == [[-1.0, 2.0]]


def test_a_compiled_model_is_the_model_that_it_was_made_of():
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    x = cr.ones(4, 3)
    assert [r.path for r in summary(cr.compile(net), x).rows] == [
        *("Sequential", "0 (Linear)", "1 (ReLU)")
    ]


def test_it_works_inside_of_a_module_that_is_watched():
    inner = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    found = []

    class Outer(nn.Module):
        def forward(self, x):
            found.append(summary(inner, x))
            return x

    explain.trace(Outer(), cr.ones(1, 3))
    assert [(r.path, r.depth) for r in found[0].rows] == [
        *(("Sequential", 0), ("0 (Linear)", 1), ("1 (ReLU)", 1))
    ]


def test_layers_that_take_their_sizes_from_what_comes():
    net = nn.Sequential(nn.LazyLinear(4), nn.LazyLinear(2))
    assert [r.parameters for r in summary(net, cr.ones(1, 3)).rows] == [26, 16, 10]
    assert "Lazy" in type(net[0]).__name__
    with pytest.raises(ShapeError) as caught:
        summary(nn.Sequential(nn.Linear(5, 4), nn.LazyLinear(2)), cr.ones(1, 3))
    assert "fails here" in caught.value.__notes__[0]


def test_it_works_inside_of_no_grad_and_of_a_step():
    net = nn.Linear(3, 2)
    with cr.no_grad():
        assert summary(net, cr.ones(1, 3)).backward > 0
        assert not cr.is_grad_enabled()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    net(cr.ones(1, 3)).sum().backward()
    gradient = net.weight.grad
    assert isinstance(summary(net, cr.ones(1, 3)), Summary)
    assert net.weight.grad is gradient
    optimizer.step()
