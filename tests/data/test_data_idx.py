"""IDX files: round trips, and every way in which one can be damaged or lie."""

import contextlib
import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.data.digits import digits
from chainrule.data.idx import read_idx, write_idx
from chainrule.errors import DataError

GOOD = struct.pack(">HBBII", 0, 8, 2, 2, 3) + bytes(range(6))


def write(folder, contents, name="file"):
    path = folder / name
    path.write_bytes(contents)
    return path


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3), (2, 0, 3), (2, 1, 3, 2)])
def test_round_trip(tmp_path, name, dtype, shape):
    array = (np.arange(np.prod(shape)) - 3).astype(dtype).reshape(shape)
    write_idx(tmp_path / name, array)
    back = read_idx(tmp_path / name)
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert (back == array).all()
    assert back.shape == shape
    assert back.flags.writeable
    assert [entry.name for entry in tmp_path.iterdir()] == [name]  # nothing left beside


def test_written_bytes_are_the_same_every_time(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(9, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_compression_is_told_by_content(tmp_path):
    assert read_idx(write(tmp_path, gzip.compress(GOOD))).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read_idx(write(tmp_path, GOOD, "x.gz")).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_checksum_is_of_the_contents(tmp_path):
    sha256 = "b2a4dcfd5ee0ae4a75e24a3ff6e2b3f35bd1b7d8e9ea6f7ce9c5bd6e1c6e4d6a"
    path = write(tmp_path, gzip.compress(GOOD))
    with pytest.raises(DataError, match=rf"SHA-256 .* should be {sha256[:12]}\.\.\., is [0-9a-f]"):
        read_idx(path, sha256)


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.int64), np.zeros(3, np.uint16), np.array(1, "u1")]
)
def test_write_refuses(tmp_path, array):
    with pytest.raises(DataError, match="IDX has no place"):
        write_idx(tmp_path / "x", array)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "not an IDX file"),
        (b"PNG.....", "not an IDX file.*begins with 50 4e 47"),
        (struct.pack(">HBBI", 1, 8, 1, 0), "not an IDX file"),
        (struct.pack(">HBBI", 0, 7, 1, 0), "not an IDX file"),
        (struct.pack(">HBBI", 0, 8, 0, 0), "claims 0 axes"),
        (struct.pack(">HBBI", 0, 8, 200, 0), "claims 200 axes"),
        (GOOD[:10], "ends within its header"),
        (GOOD[:-1], "truncated: its header claims"),
        (GOOD + b"!", "longer than its header says"),
        (struct.pack(">HBBII", 0, 8, 2, 2**32 - 1, 2**32 - 1), "at most 2,147,483,648 bytes"),
        (struct.pack(">HBBII", 0, 8, 2, 2**15, 2**15), "truncated: .* 32768 x 32768"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged(tmp_path, contents, words, packed):
    with pytest.raises(DataError, match=words):
        read_idx(write(tmp_path, gzip.compress(contents) if packed else contents))


def test_a_truncated_file_says_how_much_is_there(tmp_path):
    with pytest.raises(DataError, match=r"claims 2 x 3 values .6 bytes., but the file can hold 5"):
        read_idx(write(tmp_path, GOOD[:-1]))
    with pytest.raises(DataError, match="claims 6 bytes of values, 5 are there"):
        read_idx(write(tmp_path, gzip.compress(GOOD[:-1])))


def test_damaged_archives(tmp_path):
    packed = gzip.compress(GOOD)
    flipped = packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:]
    for contents in (packed[:-9], packed[:5], flipped, b"\x1f\x8b" + bytes(20)):
        with pytest.raises(DataError, match="cannot be read to its end"):
            read_idx(write(tmp_path, contents))


def test_missing_and_folder(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="no such file"):
            read_idx(path)


def test_a_claim_takes_no_memory(tmp_path):
    claim = struct.pack(">HBBI", 0, 8, 1, 2**31 - 1)
    for contents in (claim, gzip.compress(claim)):
        path = write(tmp_path, contents)
        tracemalloc.start()
        with pytest.raises(DataError, match="truncated"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = struct.pack(">HBBI", 0, 8, 1, 4) + bytes(100_000_000)
    path = write(tmp_path, gzip.compress(bomb, 1))
    del bomb
    tracemalloc.start()
    with pytest.raises(DataError, match="longer than its header says"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda b: b"\0\0\x08" + b)))
def test_any_bytes_are_an_array_or_a_data_error(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("fuzz", numbered=True)
    for raw in (contents, gzip.compress(contents), b"\x1f\x8b" + contents):
        message = "file"
        try:
            assert isinstance(read_idx(write(folder, raw)), np.ndarray)
        except DataError as error:
            message = str(error)
        assert "file" in message


@settings(max_examples=100)
@given(data=st.data(), packed=st.booleans())
def test_any_damage_is_found_or_harmless(tmp_path_factory, data, packed):
    contents = bytearray(gzip.compress(GOOD) if packed else GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(contents)))
    path = write(tmp_path_factory.mktemp("damage", numbered=True), bytes(contents[:cut]))
    with contextlib.suppress(DataError):
        read_idx(path)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)))
def test_any_array_survives(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("round", numbered=True) / "a"
    write_idx(path, array)
    back = read_idx(path)
    assert back.shape == array.shape
    assert (back == array).all()


def test_the_digits_of_the_package():
    some = digits()
    assert some.x.shape == (1797, 1, 8, 8)
    assert some.x.dtype == np.uint8
    assert some.x.max() == 16 == some.levels
    assert list(some.counts().values()) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert "10.24432/C50P49" in some.about
    assert "CC BY 4.0" in some.about


def test_the_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = datasets.load_digits()
    assert (digits().x[:, 0] == bunch.images).all()
    assert (digits().y == bunch.target).all()
