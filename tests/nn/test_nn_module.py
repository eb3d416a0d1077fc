"""Modules: their parts in PyTorch's order and names, modes, hooks, looks, and containers."""

import copy
import re

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import from_numpy, no_grad, ones, zeros
from chainrule.errors import OptionError, ShapeError


def network(nn, ones, zeros):
    """A network with everything a network can have, from the classes of either library."""

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm = nn.BatchNorm2d(channels)
            self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.act = nn.ReLU()

        def forward(self, x):
            return x + self.conv(self.act(self.norm(x)))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)
            self.scale = nn.Parameter(ones(1))
            self.register_buffer("steps", zeros(2))
            self.register_buffer("scratch", zeros(3), persistent=False)
            self.register_buffer("absent", None)
            self.register_parameter("nothing", None)
            self.stem = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, affine=False))
            self.blocks = nn.ModuleList([Block(4), Block(4)])
            self.tied = self.head
            self.twice = nn.Sequential(self.stem, self.blocks[0], self.blocks[0])
            self.same_scale = self.scale
            self.plain = "no part"

        def forward(self, x):
            x = self.twice(self.blocks[1](self.stem(x))) * self.scale
            return self.tied(x.mean((2, 3)))

    return Net()


@pytest.fixture
def net():
    return network(nn, ones, zeros)


@pytest.fixture
def their_net(torch):
    return network(torch.nn, torch.ones, torch.zeros)


# --- parts, against PyTorch ---------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"remove_duplicate": False}, {"prefix": "all"}], ids=str)
@pytest.mark.parametrize(
    "method", ["named_parameters", "named_modules", "named_buffers", "named_children"]
)
def test_names_and_order(method, options, net, their_net):
    if method == "named_children":
        options = {}
    ours = [(n, tuple(getattr(v, "shape", ()))) for n, v in getattr(net, method)(**options)]
    theirs = [(n, tuple(getattr(v, "shape", ()))) for n, v in getattr(their_net, method)(**options)]
    assert ours == theirs
    assert len(ours) > 3


@pytest.mark.parametrize("method", ["named_parameters", "named_buffers"])
def test_own_parts_only(method, net, their_net):
    ours = [n for n, _ in getattr(net, method)(recurse=False)]
    assert ours == [n for n, _ in getattr(their_net, method)(recurse=False)]
    assert ours


@pytest.mark.parametrize("method", ["parameters", "buffers", "modules", "children"])
def test_counts(method, net, their_net):
    assert len(list(getattr(net, method)())) == len(list(getattr(their_net, method)()))


def test_keys_of_the_state(net, their_net):
    assert list(net.state_dict()) == list(their_net.state_dict())
    assert "scratch" not in net.state_dict()


def test_the_whole_gives_the_same_numbers(net, their_net, torch):
    net.load_state_dict(their_net.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 6)).astype(np.float32)
    for mode in (True, False):
        y, t = net.train(mode)(from_numpy(x)), their_net.train(mode)(torch.as_tensor(x))
        np.testing.assert_allclose(y.detach(), t.detach(), rtol=1e-4, atol=1e-6)
    y.sum().backward()
    t.sum().backward()
    for (name, p), tp in zip(net.named_parameters(), their_net.parameters()):
        np.testing.assert_allclose(p.grad, tp.grad, rtol=1e-4, atol=1e-5, err_msg=name)


def test_shared_parameters_count_once_and_learn_together():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    net = nn.Sequential(first, second)
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    x = ones(2, 3)
    net(x).sum().backward()
    together = first.weight.grad.numpy()
    alone = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    alone.load_state_dict(net.state_dict())
    alone(x).sum().backward()
    separate = alone[0].weight.grad.numpy() + alone[1].weight.grad.numpy()
    np.testing.assert_allclose(together, separate, rtol=1e-6)


def test_a_parameter_shares_the_memory_it_is_made_from():
    array = np.zeros(2, np.float32)
    for data in (array, from_numpy(array)):
        p = nn.Parameter(data)
        assert np.shares_memory(p.detach().numpy(), array)
        assert p.requires_grad
        assert p.is_leaf
    assert not nn.Parameter(array, requires_grad=False).requires_grad
    assert nn.Parameter([1.0, 2.0]).dtype == np.float32
    assert isinstance(nn.Parameter(ones(2) * nn.Parameter(ones(2))).grad_fn, type(None))


def test_replacing_parts():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net[0].weight = nn.Parameter(zeros(3, 2))
    net[0].bias = None
    assert [n for n, _ in net.named_parameters()] == ["0.weight"]
    net.extra = nn.Linear(1, 1)
    assert len(net) == 3
    del net.extra
    assert len(net) == 2


def test_a_parameter_is_not_lost_by_an_assignment():
    layer = nn.Linear(2, 3)
    message = r"^Linear\.weight is a parameter, and a Tensor in its place would not be learned; .*$"
    with pytest.raises(OptionError, match=message):
        layer.weight = zeros(3, 2)
    assert len(list(layer.parameters())) == 2


@pytest.mark.parametrize("name", ["", "a.b", "forward", "train"])
def test_names_that_parts_cannot_have(name):
    for register in ("register_buffer", "register_parameter", "add_module"):
        with pytest.raises(OptionError, match="cannot be named"):
            getattr(nn.Module(), register)(name, None)


# --- modes and formats --------------------------------------------------------------------------


def test_train_and_eval(net):
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.blocks[0].train()
    assert [m.training for m in net.blocks] == [True, False]
    assert all(m.training for m in net.train().modules())


def test_apply_goes_through_children_first(net, their_net):
    ours, theirs = [], []
    assert net.apply(lambda m: ours.append(type(m).__name__)) is net
    their_net.apply(lambda m: theirs.append(type(m).__name__))
    assert ours == theirs
    assert ours[-1] == "Net"


def test_requires_grad_(net):
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert net(ones(1, 4, 6, 6)).grad_fn is None
    net.head.requires_grad_()
    net(ones(1, 4, 6, 6)).sum().backward()
    with_gradient = [n for n, p in net.named_parameters() if p.grad is not None]
    assert with_gradient == ["head.weight", "head.bias"]


def test_double_and_float(net):
    net(ones(2, 4, 6, 6)).sum().backward()
    before = {n: v.numpy().copy() for n, v in net.state_dict().items()}
    assert net.double() is net
    for name, value in net.state_dict().items():
        wanted = np.int64 if "num_batches" in name else np.float64
        assert value.dtype == wanted, name
        np.testing.assert_array_equal(value, before[name])
    assert net.scratch.dtype == np.float64
    assert all(p.grad.dtype == np.float64 for p in net.parameters())
    assert net(ones(2, 4, 6, 6, dtype=np.float64)).dtype == np.float64
    assert net.float().head.weight.dtype == np.float32
    assert isinstance(net.head.weight, nn.Parameter)
    assert net.to("cpu") is net.cpu()


@pytest.mark.parametrize(
    ("wish", "words"), [(np.int32, "floating-point dtype"), ("cuda", "is not available")]
)
def test_conversions_that_cannot_be(wish, words, net):
    with pytest.raises(OptionError, match=words):
        net.to(wish)
    assert net.head.weight.dtype == np.float32


def test_zero_grad(net):
    x = ones(2, 4, 6, 6)
    net(x).sum().backward()
    net.zero_grad(set_to_none=False)
    assert not any(p.grad.numpy().any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad is None for p in net.parameters())


def test_copies_are_independent(net):
    x = ones(2, 4, 6, 6)
    net.eval()
    other = copy.deepcopy(net)
    kept = copy.deepcopy(net.state_dict())
    np.testing.assert_array_equal(other(x).detach(), net(x).detach())
    assert other.tied is other.head
    with no_grad():
        for p in net.parameters():
            p.add_(1)
    assert (other(x).detach().numpy() != net(x).detach().numpy()).any()
    net.load_state_dict(kept)
    np.testing.assert_array_equal(other(x).detach(), net(x).detach())


# --- hooks --------------------------------------------------------------------------------------


def hooked(layer, seen):
    """Hooks that note what they are given and change it; the same words for both libraries."""

    def before(module, args):
        seen.append(("before", module is layer, len(args)))
        return args[0] + 1

    def after(module, args, y):
        seen.append(("after", module is layer, float(args[0].sum())))
        return y * 2

    def only_looks(module, args, y):
        seen.append(("looks", module is layer, float(y.sum())))

    return (
        layer.register_forward_pre_hook(before),
        layer.register_forward_hook(after),
        layer.register_forward_hook(only_looks),
    )


def test_hooks(torch):
    ours, theirs = [], []
    layer, their_layer = nn.ReLU(), torch.nn.ReLU()
    handles, their_handles = hooked(layer, ours), hooked(their_layer, theirs)
    for handle, their_handle in zip((None, *handles), (None, *their_handles)):
        if handle is not None:
            handle.remove()
            their_handle.remove()
        y, t = layer(ones(3)), their_layer(torch.ones(3))
        assert y.tolist() == t.tolist()
    assert ours == theirs
    assert len(ours) == 3 + 2 + 1


def test_a_hook_may_stand_twice_and_remove_itself():
    layer, seen = nn.ReLU(), []

    def hook(module, args, y):
        seen.append(1)

    first, second = layer.register_forward_hook(hook), layer.register_forward_hook(hook)
    first.remove()
    first.remove()
    layer(ones(1))
    assert len(seen) == 1
    second.remove()
    handles = []

    def once(module, args, y):
        handles.pop(0).remove()
        seen.append(2)

    handles += [layer.register_forward_hook(once), layer.register_forward_hook(once)]
    layer(ones(1))
    layer(ones(1))
    assert seen == [1, 2, 2]


# --- looks --------------------------------------------------------------------------------------


def test_repr_of_a_nested_network(net, their_net):
    def without_options(text):
        return re.sub(r"(\w+)\([^()\n]*(\([^()]*\)[^()\n]*)*\)$", r"\1", text, flags=re.M)

    assert without_options(repr(net)) == without_options(repr(their_net))
    assert "(0-1): 2 x Block(" in repr(net)
    assert repr(nn.Sequential()) == "Sequential()"


@pytest.mark.parametrize(
    "layer",
    [
        ("Linear", (2, 3), {}),
        ("Linear", (2, 3), {"bias": False}),
        ("Conv2d", (2, 4, 3), {}),
        ("Conv2d", (2, 4, (3, 5)), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
        ("Conv2d", (2, 4, 3), {"padding": "same", "bias": False}),
        ("BatchNorm2d", (3,), {}),
        ("LayerNorm", ((3, 4),), {}),
        ("LayerNorm", (3,), {"eps": 0.1, "elementwise_affine": False}),
        ("Embedding", (5, 3), {"padding_idx": 1}),
        ("Flatten", (), {}),
        ("Identity", (), {}),
        ("ReLU", (), {}),
        ("GELU", ("tanh",), {}),
        ("Softplus", (), {}),
        ("Softmax", (1,), {}),
        ("MSELoss", (), {}),
        ("CrossEntropyLoss", (), {}),
    ],
    ids=str,
)
def test_repr_as_pytorch(layer, torch):
    kind, args, options = layer
    ours = repr(getattr(nn, kind)(*args, **options))
    theirs = repr(getattr(torch.nn, kind)(*args, **options))
    assert ours == theirs


def test_a_wrong_attribute_suggests_a_near_one():
    layer = nn.Linear(2, 3)
    for name, near in [("wieght", "weight"), ("in_feature", "in_features"), ("evall", "eval")]:
        with pytest.raises(
            AttributeError, match=rf"^Linear has no attribute '{name}'.*'{near}'\?$"
        ):
            getattr(layer, name)
    with pytest.raises(AttributeError, match=r"^Linear has no attribute 'qqq'$"):
        _ = layer.qqq
    assert not hasattr(layer, "qqq")


def test_a_module_without_forward():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"^Empty has no forward\(self, x\); write one$"):
        Empty()(ones(1))


# --- containers ---------------------------------------------------------------------------------


def row(nn):
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


@pytest.mark.parametrize(
    "key", [slice(None), slice(2), slice(1, 4), slice(-1, None), slice(0, 5, 2)]
)
@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_slices(kind, key, torch):
    def keys(nn):
        container = row(nn) if kind == "Sequential" else nn.ModuleList(row(nn))
        part = container[key]
        assert type(part).__name__ == kind
        return list(part.state_dict())

    assert keys(nn) == keys(torch.nn)


def test_slices_share():
    whole = row(nn)
    part = whole[:3]
    assert [a is b for a, b in zip(part, whole)] == [True] * 3
    np.testing.assert_array_equal(whole[3:](part(ones(5, 2))).detach(), whole(ones(5, 2)).detach())


def test_indices():
    whole = row(nn)
    assert isinstance(whole[1], nn.ReLU)
    assert whole[-1] is whole[4]
    assert len(whole) == 5
    assert whole[4] in list(whole)
    with pytest.raises(IndexError):
        whole[5]
    whole[1] = nn.Sigmoid()
    assert [type(m).__name__ for m in whole][:3] == ["Linear", "Sigmoid", "Linear"]
    assert next(iter(whole.state_dict())) == "0.weight"


@pytest.mark.parametrize("make", [nn.Sequential, lambda *m: nn.ModuleList(m)])
def test_append(make):
    container = make(nn.Linear(2, 2))
    assert container.append(nn.ReLU()) is container
    assert list(dict(container.named_children())) == ["0", "1"]
    last = make(nn.ReLU(), nn.Linear(2, 2))[1:].append(nn.Tanh())
    assert [type(m).__name__ for m in last] == ["Linear", "Tanh"]  # nothing written over


def test_the_same_module_twice_in_a_row():
    relu, layer = nn.ReLU(), nn.Linear(2, 2)
    net = nn.Sequential(layer, relu, layer, relu)
    assert len(net) == 4
    x = ones(1, 2)
    np.testing.assert_array_equal(net(x).detach(), relu(layer(relu(layer(x)))).detach())
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_names_by_a_mapping(torch):
    def keys(nn):
        net = nn.Sequential({"first": nn.Linear(2, 3), "act": nn.ReLU(), "last": nn.Linear(3, 1)})
        assert net.first is net[0]
        return list(net.state_dict()), [n for n, _ in net[1:].named_children()]

    def theirs():
        from collections import OrderedDict

        class WithDict(torch.nn.Sequential):
            def __init__(self, *args):
                super().__init__(*(OrderedDict(a) if isinstance(a, dict) else a for a in args))

        class Their:
            Linear, ReLU, Sequential = torch.nn.Linear, torch.nn.ReLU, WithDict

        return keys(Their)

    assert keys(nn) == theirs()
    net = nn.Sequential({"first": nn.Linear(2, 3)}).append(nn.ReLU())
    assert [n for n, _ in net.named_children()] == ["first", "1"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ((nn.ReLU,), "Sequential takes modules, got ReLU at 0; did you mean ReLU()?"),
        ((nn.ReLU(), 3), "Sequential takes modules, got int at 1"),
        (({"act": nn.Tanh},), "Sequential takes modules, got Tanh at act; did you mean Tanh()?"),
        (
            ([nn.ReLU(), nn.Tanh()],),
            "Sequential takes modules, got list at 0; put a star before it, to pass what is in it",
        ),
    ],
)
def test_what_a_sequence_is_not_made_of(wrong, sentence):
    with pytest.raises(OptionError) as caught:
        nn.Sequential(*wrong)
    assert str(caught.value) == sentence


def test_names_in_a_mapping_do_not_hide_methods():
    with pytest.raises(OptionError, match="cannot be named 'forward'"):
        nn.Sequential({"forward": nn.ReLU()})


def test_an_empty_sequence_is_the_identity():
    x = ones(2)
    assert nn.Sequential()(x) is x


def test_a_list_of_modules_belongs_to_its_owner():
    class Net(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net()
    assert len(list(net.parameters())) == 6
    assert net(ones(4, 2)).shape == (4, 2)
    with pytest.raises(ShapeError, match=r"^layers\.0 \(Linear\): "):
        net(ones(4, 3))
