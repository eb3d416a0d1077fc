"""PyTorch's files, checkpoints of our own, and that neither is believed or executed."""

import argparse
import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule
from chainrule import nn, optim
from chainrule.autograd import Tensor, tensor
from chainrule.errors import ChainruleError, DataError
from chainrule.io.torch_file import read_torch
from chainrule.serialization import safe_globals


def plain(value):
    """A structure of either library with lists and formats in the place of tensors."""
    if hasattr(value, "detach"):
        numbers = value.detach()
        kind = str(numbers.dtype).removeprefix("torch.").removeprefix("chainrule.")
        return kind, list(numbers.shape), numbers.tolist(), value.requires_grad
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value)) if type(value) in (list, tuple) else list(value)
    return value


def written(torch, value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def structures(torch):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    net(torch.ones(5, 3)).sum().backward()
    adam.step()
    base = torch.arange(24.0).reshape(4, 6)
    kinds = ("float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
    return {
        "state": net.state_dict(),
        "optimiser": adam.state_dict(),
        "checkpoint": {"epoch": 3, "model": net.state_dict(), "adam": adam.state_dict()},
        "tensor": torch.tensor([1.0, 2.0]),
        "number": torch.tensor(3),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "gradient": torch.ones(2, requires_grad=True),
        "views": [base, base.T, base[1:, ::2], base[0].expand(5, 6)],
        "kinds": {kind: torch.tensor([0, 1]).to(getattr(torch, kind)) for kind in kinds},
        "plain": [1, -5, 1 << 40, 1 << 80, 2.5, float("inf"), "text", b"bytes", True, None,
                  (1, (2,)), {1: 2}, {3, 4}, OrderedDict(a=1), [], {}, ()],
        "size": base.shape,
        "dtype": [torch.float32, torch.bool],
    }  # fmt: skip


NAMES = ["state", "optimiser", "checkpoint", "tensor", "number", "empty", "parameter", "gradient",
         "views", "kinds", "plain", "size"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pytorchs_files_are_read(name, protocol, torch, tmp_path):
    value = structures(torch)[name]
    torch.save(value, tmp_path / "file.pt", pickle_protocol=protocol)
    assert plain(chainrule.load(tmp_path / "file.pt")) == plain(value)
    with open(tmp_path / "file.pt", "rb") as file:
        assert plain(chainrule.load(file, map_location="cpu", weights_only=True)) == plain(value)


def test_what_has_other_names_here(torch):
    found = read_torch(written(torch, structures(torch)["dtype"]))
    assert found == [np.float32, np.bool_]
    half = torch.tensor([1.5, -2.0, 3.0]).to(torch.bfloat16)
    assert plain(read_torch(written(torch, half))) == ("float32", [3], [1.5, -2.0, 3.0], False)
    assert read_torch(written(torch, torch.device("cpu"))) == "cpu"


def test_tensors_of_one_storage_share_it(torch):
    base = torch.zeros(4)
    a, b, c = read_torch(written(torch, [base, base[1:], torch.zeros(4)]))
    a[1] = 7
    assert b[0].item() == 7
    assert c.tolist() == [0, 0, 0, 0]
    parameter = read_torch(written(torch, torch.nn.Parameter(torch.ones(2))))
    assert isinstance(parameter, nn.Parameter)


def test_training_goes_on_from_pytorchs_checkpoint(torch):
    x = np.random.default_rng(0).normal(size=(8, 3))
    theirs = torch.nn.Linear(3, 2).double()
    ours = nn.Linear(3, 2).double()

    def step(net, optimizer, data):
        optimizer.zero_grad()
        (net(data) ** 2).mean().backward()
        optimizer.step()

    their_adam = torch.optim.Adam(theirs.parameters(), lr=0.1)
    for _ in range(3):
        step(theirs, their_adam, torch.tensor(x))
    found = read_torch(
        written(torch, {"net": theirs.state_dict(), "adam": their_adam.state_dict()})
    )
    ours.load_state_dict(found["net"])
    our_adam = optim.Adam(ours.parameters())
    our_adam.load_state_dict(found["adam"])
    for _ in range(3):
        step(theirs, their_adam, torch.tensor(x))
        step(ours, our_adam, Tensor(x))
    np.testing.assert_allclose(
        ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-12
    )


# --- what is refused ----------------------------------------------------------------------------


class Evil:
    """Runs a command when it is read by Python's own reader."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def test_nothing_is_executed(torch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value, name in [
        (Evil(), "posix.system"),
        ({"a": [Evil()]}, "posix.system"),
        (print, "__builtin__.print"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (np.float64(1), "numpy"),
        (torch.complex(torch.ones(1), torch.ones(1)), "torch.ComplexFloatStorage"),
        (argparse.Namespace(a=1), "argparse.Namespace"),
    ]:
        torch.save(value, "file.pt")
        with pytest.raises(DataError, match=f"file.pt cannot be loaded: it names {name}"):
            chainrule.load("file.pt", weights_only=False)
    assert not os.path.exists("executed")


def test_classes_that_a_person_trusts(torch):
    content = written(torch, argparse.Namespace(a=torch.ones(1), b=2))
    with safe_globals([argparse.Namespace]):
        found = read_torch(content)
    assert (found.a.item(), found.b) == (1.0, 2)
    with pytest.raises(DataError, match=r"it names argparse\.Namespace"):
        read_torch(content)


def forged(pickled, numbers=b"\0" * 16, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        if pickled is not None:
            archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", numbers)
    return file.getvalue()


def described(size, stride, offset=0, count=4, form=b"FloatStorage"):
    """The pickle of a tensor with these numbers."""
    storage = (
        b"(X\x07\0\0\0storagectorch\n" + form + b"\nX\x01\0\0\x000X\x03\0\0\0cpuK"
        + bytes([count]) + b"tQ"
    )  # fmt: skip
    parts = b"".join(pickle.dumps(part, 2)[2:-1] for part in (offset, size, stride))
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + parts + b"\x89}tR."


def test_a_forged_file_that_is_in_order():
    assert read_torch(forged(described((2, 2), (2, 1)))).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (forged(described((5,), (1,))), "reaches beyond the 4 numbers"),
        (forged(described((2,), (1,), offset=3)), "reaches beyond the 4 numbers"),
        (forged(described((2,), (-1,), offset=3)), "reaches beyond the 4 numbers"),
        (forged(described((2,), (1,), offset=-1)), "reaches beyond the 4 numbers"),
        (forged(described((1 << 40,), (0,))), "is described, of 4 numbers"),
        (forged(described((2,), (1,), count=9)), "data/0 holds 4 numbers, 9 are described"),
        (forged(described((2,), (1,)), b"\0" * 15), "no whole pickle"),
        (forged(None), "there is no data.pkl in it"),
        (forged(described((2,), (1,)), b"\0" * 9000, zipfile.ZIP_DEFLATED), "is compressed"),
        (forged(b"\x80\x02."), "no whole pickle"),
        (forged(b"\x80\x02]"), "no whole pickle"),
        (forged(b"\x80\x02h\x07."), "no whole pickle"),
        (forged(b"\x80\x02K\x01t."), "no whole pickle"),
        (forged(b"\x80\x02)K\x01a."), "a list was due, there is a tuple"),
        (forged(b"\x80\x02U\x01xi__main__\nEvil\n."), "no whole pickle|instruction INST"),
        (b"PK\x03\x04 cut short", "no whole archive"),
    ],
)
def test_forged_and_damaged_files(content, words):
    with pytest.raises(DataError, match=words):
        read_torch(content)


@settings(max_examples=300)
@given(st.data())
def test_damage_anywhere_is_an_error_of_ours_or_none(data):
    start = described((2, 2), (2, 1))
    place = data.draw(st.integers(0, len(start) - 1))
    content = bytearray(start)
    content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        read_torch(forged(bytes(content)))
    except ChainruleError as error:
        assert "\n" not in str(error)  # noqa: PT017


# --- checkpoints of our own ---------------------------------------------------------------------


CHECKPOINT = {
    "epoch": 3,
    "loss": 0.25,
    "endless": [float("inf"), -float("inf"), 1 << 70],
    "model": OrderedDict(w=tensor([1.0, 2.0]), b=tensor(3)),
    "optimizer": {"state": {0: {"step": tensor(1.0)}}, "param_groups": [{"betas": (0.9, 0.999)}]},
    "leaf": tensor([1.0], requires_grad=True),
    "names": ["a", None, True, (1, (2.5, "é"))],
    "a.b": tensor([1]),
    "a": {"b": tensor([2])},
    (1, "x"): {},
}


def through(value):
    file = io.BytesIO()
    chainrule.save(value, file)
    file.seek(0)
    return chainrule.load(file)


@pytest.mark.parametrize(
    "value",
    [CHECKPOINT, [], {}, 3, "text", None, tensor([1.5]), (tensor(1), 2), {"x": [tensor(1)]}],
    ids=str,
)
def test_checkpoints_there_and_back(value, tmp_path):
    assert plain(through(value)) == plain(value)
    chainrule.save(value, tmp_path / "file.pt")
    assert plain(chainrule.load(tmp_path / "file.pt")) == plain(value)


def test_what_stands_twice_is_one_and_arrays_stay_arrays():
    x = tensor([1.0])
    first, second = through([x, x])
    assert first is second
    found = through({"a": np.arange(3), "t": (x,)})
    assert isinstance(found["a"], np.ndarray)
    nan = through([float("nan")])[0]
    assert nan != nan


def test_an_optimiser_goes_on_from_a_file(tmp_path):
    def trained(p, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        return p.tolist()

    p, q = (tensor([1.0, -2.0], requires_grad=True) for _ in range(2))
    a, b = optim.Adam([p], lr=0.1), optim.Adam([q])
    trained(p, a, 3)
    chainrule.save({"p": p.detach(), "a": a.state_dict()}, tmp_path / "c.pt")
    found = chainrule.load(tmp_path / "c.pt")
    q.data.copy_(found["p"])
    b.load_state_dict(found["a"])
    assert trained(p, a, 3) == trained(q, b, 3)


def test_what_cannot_be_saved(tmp_path):
    for value, words in [
        ({"net": nn.Linear(2, 2)}, "net is a Linear; .* of a module its state_dict"),
        ([1, {2}], "1 is a set; tensors, numbers, texts"),
        (print, "what is saved is a builtin_function_or_method"),
    ]:
        with pytest.raises(DataError, match=words):
            chainrule.save(value, tmp_path / "x.pt")
    with pytest.raises(DataError, match="a module is saved as a folder"):
        chainrule.save(nn.Linear(2, 2), io.BytesIO())
    with pytest.raises(DataError, match="open for reading bytes"):
        chainrule.load(io.StringIO("text"))
    deep = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(DataError, match="nested 200 deep"):
        chainrule.save(deep, tmp_path / "x.pt")


@pytest.mark.parametrize(
    "text", ["{", "[1, {}]", '{"odd": 1}', '{"tensor": "x"}', '{"dict": 3}', "[" * 9999]
)
def test_a_damaged_description(text, tmp_path):
    from chainrule.io.weights import write_weights

    write_weights(tmp_path / "x", {"a": np.ones(1)}, text)
    with pytest.raises(DataError, match="description of its structure is damaged"):
        chainrule.load(tmp_path / "x")
