"""Files that are damaged a little, and files that are well formed and still nonsense.

Whatever stands in a file, its reader returns or says in a sentence what is wrong: no other error,
no more memory than a bound, and no end of waiting.
"""

import json
import signal
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.errors import ChainruleError
from fuzz.targets import TARGETS

MOST = 96 << 20  # bytes that reading one of these small files may take
PATIENCE = 60  # seconds after which a reader is said to hang
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
# What lies at the edges of what numbers in headers can say.
EDGES = [
    *(b"\0", b"\xff", b"\0" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\n", b'"'),
    *(b",", b"[", b"{", b"}", b"-1", b"1e999", b"NaN", b"null", b"99999999999999999999", b"\xe9"),
]

NAMED = [
    *("torch FloatStorage", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"),
    *("torch Size", "torch device", "collections OrderedDict", "_codecs encode", "builtins set"),
    "os system",
]

edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "drop", "insert", "repeat", "overwrite"]),
        st.integers(0, 2**31),
        st.integers(0, 255),
        st.sampled_from(EDGES),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content, changes):
    """A file after some accidents."""
    content = bytearray(content)
    for kind, place, number, piece in changes:
        at = place % (len(content) + 1)
        if kind == "flip" and content:
            content[at % len(content)] ^= 1 << number % 8
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + number % 32]
        elif kind == "insert":
            content[at:at] = piece
        elif kind == "repeat":
            content[at:at] = content[at : at + number] * 3
        else:
            content[at : at + len(piece)] = piece
    return bytes(content)


def hung(*_):
    raise AssertionError(f"a reader has not come to an end within {PATIENCE} s")


def is_read_or_refused(read, content):
    """Read; anything but a result or a sentence is a failure, and so is too much memory."""
    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(PATIENCE)
    tracemalloc.start()
    sentence = "read"
    try:
        read(content)
    except ChainruleError as error:
        sentence = str(error)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert sentence.strip()
    assert "\n" not in sentence
    assert most < MOST, f"{most >> 20} MiB were taken for {len(content)} bytes"


@pytest.fixture(params=TARGETS)
def target(request):
    found = TARGETS[request.param]
    if not found.is_there:
        pytest.skip(f"{request.param} files are read by {found.needs}, which is not installed")
    return found


def test_good_files_are_read(target):
    read = 0
    for content in target.seeds():
        try:
            target.read(content)
            read += 1
        except ChainruleError:
            pass  # good by itself, but not beside what else is there
    assert read


def test_damaged_files(target):
    seeds = target.seeds()

    @QUICK
    @given(seed=st.sampled_from(seeds), changes=edits)
    def look(seed, changes):
        is_read_or_refused(target.read, damaged(seed, changes))

    look()


def test_anything_at_all(target):
    @QUICK
    @given(content=st.binary(max_size=300))
    def look(content):
        is_read_or_refused(target.read, content)

    look()


# --- well formed, and still nonsense ------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.sampled_from([2**31, 2**63, -(2**63), 10**30, 1e300, -0.0, 0.5, float("inf")])
    | st.text(max_size=6)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def places(value, path=()):
    """The paths to everything in a value of JSON."""
    yield path
    inside = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inside:
        yield from places(one, (*path, key))


def with_another(value, path, other):
    """A value of JSON with something else at a path."""
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_another(value[path[0]], path[1:], other)
    return copy


@pytest.mark.parametrize(
    "name", ["job", "model", "plain", "recipe", "request", "space", "structure", "study"]
)
def test_json_with_other_values(name):
    target = TARGETS[name]
    if not target.is_there:
        pytest.skip(f"{target.needs} is not installed")
    seeds = [json.loads(seed) for seed in target.seeds()]

    @settings(QUICK, max_examples=150)
    @given(data=st.data(), seed=st.sampled_from(seeds), other=values)
    def look(data, seed, other):
        path = data.draw(st.sampled_from(list(places(seed))))
        is_read_or_refused(target.read, json.dumps(with_another(seed, path, other)).encode())

    look()


@QUICK
@given(
    dtype=st.sampled_from(["F32", "F64", "I64", "U8", "BOOL", "BF16", "F8_E4M3", "X", 3]),
    shape=st.lists(st.integers(-1, 3) | st.sampled_from([2**31, 2**62, 2**64]), max_size=4),
    offsets=st.lists(st.integers(-1, 40) | st.just(2**63), min_size=1, max_size=3),
    length=st.integers(0, 40),
    notes=values,
)
def test_headers_of_safetensors(dtype, shape, offsets, length, notes):
    told = {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}, "__metadata__": notes}
    head = json.dumps(told).encode()
    content = struct.pack("<Q", len(head)) + head + bytes(length)
    is_read_or_refused(TARGETS["safetensors"].read, content)


@QUICK
@given(
    code=st.integers(0, 16),
    sizes=st.lists(st.integers(0, 4) | st.sampled_from([2**31 - 1, 2**32 - 1]), max_size=9),
    body=st.binary(max_size=40),
)
def test_headers_of_idx(code, sizes, body):
    head = bytes([0, 0, code, len(sizes)]) + b"".join(struct.pack(">I", size) for size in sizes)
    is_read_or_refused(TARGETS["idx"].read, head + body)


cells = st.sampled_from(
    [
        "",
        "1",
        "2.5",
        "-3e2",
        "1e400",
        "nan",
        "cat",
        "yes",
        "no",
        "2020-01-01",
        "31.12.1999",
        '"',
        "é",
    ]
) | st.text(st.characters(codec="utf-8"), max_size=5)


@settings(QUICK, max_examples=150)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8)
    ),
    between=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_tables_of_odd_cells(rows, between, end):
    text = end.join(
        between.join(row) for row in [["a", "b", "c", "y"][-len(r) :] for r in rows[:1]] + rows
    )
    is_read_or_refused(TARGETS["csv"].read, text.encode())


# Instructions of pickles, with arguments that stand for something and such that do not.
opcodes = st.sampled_from(
    [bytes([code]) for code in b"(02N])}ldtaesu\x94\x85\x86\x87\x88\x8f\x90RQb\x81\x93"]
    + [b"K\x03", b"K\xff", b"J\xff\xff\xff\xff", b"X\1\0\0\0a", b"q\0", b"q\1", b"h\0", b"h\1"]
    + [f"c{name}\n".replace(" ", "\n").encode() for name in NAMED]
    + [b"X\7\0\0\0storage", b"X\1\0\0\x000", b"\x8c\1a", b"\x8a\x08" + b"\xff" * 8]
    + [b"G\x7f\xf0" + b"\0" * 6]
)


@settings(QUICK, max_examples=250)
@given(program=st.lists(opcodes, max_size=24))
def test_programs_of_pickles(program):
    is_read_or_refused(TARGETS["pickle"].read, b"\x80\x02" + b"".join(program) + b".")


@settings(QUICK, max_examples=100)
@given(
    offset=st.integers(-1, 9),
    size=st.lists(st.integers(-1, 4) | st.sampled_from([2**31, 2**62]), max_size=4),
    stride=st.lists(st.integers(-2, 4) | st.sampled_from([0, 2**62]), max_size=4),
)
def test_tensors_of_odd_shapes(offset, size, stride):
    """Views of six numbers: what reaches beyond them is refused, and nothing else is shown."""

    def whole(n):
        return b"\x8a\x09" + n.to_bytes(9, "little", signed=True)

    program = TARGETS["pickle"].seeds()[0]
    start = program.index(b"QK\0") + 1
    end = program.index(b"\x89ccollections")
    parts = b"".join(b"(" + b"".join(map(whole, part)) + b"t" for part in (size, stride))
    content = program[:start] + whole(offset) + parts + program[end:]
    is_read_or_refused(TARGETS["pickle"].read, content)
    try:
        tensor = TARGETS["pickle"].read(content)
    except ChainruleError:
        return
    assert set(np.unique(tensor.numpy())) <= set(range(6))


# --- what was found -----------------------------------------------------------------------------

FOUND = [
    # Letters beyond the 65,536th end NumPy's parser of whole numbers, and the process with it.
    ("csv", "c;y\n\U00106651\U0009b6a2;1\n1;2\n".encode()),
    ("csv", "c;y\n\U00106651;\U00106651\n1;2\n".encode()),
    # A name that is no UTF-8.
    ("parquet", lambda seed: seed.replace(b"kind", b"\x9aind")),
    # No numbers at all, in a shape whose other sizes are beyond every machine.
    ("idx", bytes.fromhex("00000804 00000000 000000ff ffffffff 00010004 04")),
    # An archive whose members begin before it.
    ("torch", lambda seed: seed[:4] + seed[5:]),
]


@pytest.mark.parametrize(("name", "content"), FOUND, ids=range(len(FOUND)))
def test_what_was_found(name, content):
    target = TARGETS[name]
    if not target.is_there:
        pytest.skip(f"{target.needs} is not installed")
    is_read_or_refused(target.read, content(target.seeds()[0]) if callable(content) else content)
