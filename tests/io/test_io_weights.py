"""Tensors by name in one file: what goes in comes out, and what is no such file is refused."""

import json
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import nn
from chainrule.autograd import Tensor, tensor
from chainrule.errors import DataError
from chainrule.io import load, save

DTYPES = [
    *("float16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)], ids=str)
def test_there_and_back(tmp_path, dtype, shape):
    array = (np.random.default_rng(0).normal(0, 50, shape)).astype(dtype)
    save({"a": array, "b.c": tensor([1.0])}, tmp_path / "x.safetensors")
    back = load(tmp_path / "x.safetensors")
    assert set(back) == {"a", "b.c"}
    assert isinstance(back["a"], Tensor)
    assert back["a"].dtype == dtype
    np.testing.assert_array_equal(back["a"].array, array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(12.0)[::-2],
        np.broadcast_to(np.float32(3), (2, 5)),
        np.array([1, 256], ">i4"),
    ],
    ids=["transposed", "strided", "broadcast", "big-endian"],
)
def test_arrays_as_they_lie_in_memory(tmp_path, array):
    save({"a": array}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "x.safetensors")["a"], array)


def test_numbers_that_are_none(tmp_path):
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    save({"a": odd}, tmp_path / "x.safetensors")
    assert load(tmp_path / "x.safetensors")["a"].array.tobytes() == odd.tobytes()


def test_the_same_values_give_the_same_bytes(tmp_path):
    model = nn.Linear(3, 4)
    for name in ("a", "b"):
        save(model.state_dict(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_state_dict_goes_back_into_its_module(tmp_path):
    """Also into one of a person's own class, which no description can stand for."""

    class Own(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 2)
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x):
            return self.norm(self.layer(x))

    one, other = Own(), Own()
    one(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))  # moves the statistics
    save(one.state_dict(), tmp_path / "own.safetensors")
    other.load_state_dict(load(tmp_path / "own.safetensors"))
    assert list(one.state_dict()) == list(other.state_dict())
    for name, value in one.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name])


def test_other_programs_read_it(tmp_path):
    from safetensors.numpy import load_file

    save({"a": np.arange(3)}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(load_file(tmp_path / "x.safetensors")["a"], [0, 1, 2])


def test_torch_reads_it(torch, tmp_path):
    from safetensors.torch import load_file

    save(nn.Linear(3, 2).state_dict(), tmp_path / "x.safetensors")
    torch.nn.Linear(3, 2).load_state_dict(load_file(tmp_path / "x.safetensors"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": np.ones(2, complex)}, "'a' is a ndarray of complex128"),
        ({"a": np.ones(2, np.clongdouble).real}, "numbers of at most 64 bits; 'a' is"),
        ([np.array(["text"])], "'0' is a ndarray of <U4"),
    ],
)
def test_what_is_no_tensor_by_name(tmp_path, value, words):
    with pytest.raises(DataError, match=words):
        save(value, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"x\.safetensors cannot be written: No such file or dir"):
        save({"a": np.ones(2)}, tmp_path / "none" / "x.safetensors")
    with pytest.raises(DataError, match="there is no file or folder"):
        load(tmp_path / "none")


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def claim(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff" * 100,
        struct.pack("<Q", 2**62) + b"{}",
        file_of(b"{"),
        file_of(b"[]"),
        file_of(b'{"a": 1}'),
        file_of(claim(), b"\0\0\0"),
        file_of(claim(), b"\0" * 5),
        file_of(claim(shape=(10**12, 10**9)), b"\0" * 4),
        file_of(claim(shape=(2**40,), offsets=(0, 2**42)), b"\0" * 4),
        file_of(claim(shape=(-1,)), b"\0" * 4),
        file_of(claim(offsets=(4, 0)), b"\0" * 4),
        file_of(claim(dtype="F99"), b"\0" * 4),
        file_of(claim(dtype="F8_E4M3", shape=(4,)), b"\0" * 4),
        file_of(claim(dtype="BF16", shape=(2,)), b"\0" * 4),
        b"\x80\x04\x95. a pickle",
    ],
    ids=lambda content: repr(content[:30]),
)
def test_what_is_no_such_file(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match="is not a whole safetensors file") as caught:
        load(tmp_path / "x")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sound file to be damaged."""
    path = tmp_path_factory.mktemp("weights") / "x.safetensors"
    save(nn.Linear(3, 4).state_dict(), path)
    return path


@given(cut=st.integers(0, 20), at=st.integers(0, 10_000), byte=st.integers(0, 255))
@settings(max_examples=200)
def test_damaged_files(whole, cut, at, byte):
    """Whatever is cut off or changed: tensors, or the one sentence."""
    content = bytearray(whole.read_bytes())[: whole.stat().st_size - cut]
    content[at % len(content)] = byte
    damaged = whole.with_name("damaged")
    damaged.write_bytes(content)
    with suppress(DataError):
        assert all(isinstance(value, Tensor) for value in load(damaged).values())
