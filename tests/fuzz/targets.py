"""What is read from outside, each reader with good files to begin from: for tests and long runs.

A reader has to return, or to raise a `ChainruleError`, whatever it is given, within seconds and
within a bound of memory. `test_fuzz_readers.py` damages the good files a little in every run of the
tests; `long.py` lets a fuzzer do so for as long as one likes.
"""

from __future__ import annotations

import atexit
import importlib.util
import io
import json
import math
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import chainrule
from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import read_idx, read_image, table, table_columns, write_idx
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import ChainruleError, DataError
from chainrule.export.plain import read_json, write_json
from chainrule.io import load_model, save_model
from chainrule.train.checkpointing import store
from chainrule.train.job.folder import Journal
from chainrule.train.job.outcome import Settings
from chainrule.train.job.predictor import Predictor
from chainrule.train.job.revisit import visit
from chainrule.train.tuning.record import Record
from chainrule.train.tuning.space import described, drawn, read_space
from chainrule.train.tuning.study import noted_arguments
from chainrule.train.tuning.trials import Done, Plan


class Target(NamedTuple):
    """A reader.

    Attributes:
        read: takes what may stand in a file.
        seeds: makes good files.
        needs: a library without which there is nothing to read.
        memory: MiB that a process reading it may have, all in all.
    """

    read: Callable[[bytes], Any]
    seeds: Callable[[], list[bytes]]
    needs: str = "numpy"
    memory: int = 1024

    @property
    def is_there(self) -> bool:
        """Whether the library it needs is installed."""
        return importlib.util.find_spec(self.needs) is not None


@cache
def _room() -> Path:
    """A folder for files that are read by path, in memory where there is such a thing."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def _by_path(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """A reader of bytes from one of files."""

    def reader(content: bytes) -> Any:
        path = _room() / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return read(path)

    return reader


def _seeded() -> Generator:
    return Generator().manual_seed(0)


def _written(write: Callable[[Any], Any], name: str) -> bytes:
    path = _room() / f"seed-{name}"
    write(path)
    return path.read_bytes()


# --- tensors ------------------------------------------------------------------------------------


def _load(content: bytes) -> Any:
    return chainrule.load(io.BytesIO(content))


def _saved(value: Any) -> bytes:
    file = io.BytesIO()
    chainrule.save(value, file)
    return file.getvalue()


def _tensors() -> list[bytes]:
    state = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).state_dict()
    odd: dict[Any, Any] = {1: [None, True, (1, 2.5)], "nan": float("nan"), "big": 1 << 70}
    kinds = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?")
    arrays = {kind: np.zeros((2, 0, 3) if kind == "f8" else 2, kind) for kind in kinds}
    return [_saved(state), _saved({"epoch": 3, "state": state}), _saved(odd), _saved(arrays)]


def _structure(content: bytes) -> Any:
    """A file whose tensors are well and whose structure is anything."""
    described = json.dumps({"chainrule": content.decode("latin1")})
    head = f'{{"__metadata__":{described},"a":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}'
    return _load(struct.pack("<Q", len(head.encode())) + head.encode() + b"\0\0\0\0")


def _structures() -> list[bytes]:
    return [
        b'{"dict": [["epoch", 3], ["at", {"tuple": [{"tensor": "a"}, null, true, 2.5]}]]}',
        b'[{"leaf": "a"}, {"array": "a"}, {"int": "99999999999999999999"}, {"float": "nan"}]',
    ]


def _pickle(content: bytes) -> Any:
    """A file of PyTorch's whose archive is well and whose program is anything."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", np.arange(6, dtype="<f4").tobytes())
        archive.writestr("archive/byteorder", b"little")
    return _load(file.getvalue())


def _pickles() -> list[bytes]:
    """Programs as PyTorch writes them, of which it is not needed to have any."""
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\nq\x01((X\x07\x00\x00\x00storageq\x02"
        b"ctorch\nFloatStorage\nq\x03X\x01\x00\x00\x000q\x04X\x03\x00\x00\x00cpuq\x05K\x06tq\x06Q"
        b"K\x00K\x02K\x03\x86q\x07K\x03K\x01\x86q\x08\x89ccollections\nOrderedDict\nq\t)Rq\ntq\x0bRq\x0c"
    )
    return [
        b"\x80\x02" + tensor + b".",
        b"\x80\x02}q\x00X\x01\x00\x00\x00w" + tensor + b"s.",
        b"\x80\x02}q\x00X\x01\x00\x00\x00a]q\x01(K\x01G?\xf0\x00\x00\x00\x00\x00\x00N\x88\x89es.",
        b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02\x85\x94e.",
        b"(lp0\nI1\naF2.5\naS'text'\np1\na(dp2\nS'k'\nL5L\nsa.",
    ]


def _archives() -> list[bytes]:
    made = []
    for program in _pickles():
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", program)
            archive.writestr("archive/data/0", np.arange(6, dtype="<f4").tobytes())
        made.append(file.getvalue())
    return made


def _checkpoints() -> list[bytes]:
    states = [
        {"step": 3, "model": nn.Linear(2, 2).state_dict(), "history": [{"loss": 0.5}]},
        {"order": np.arange(5), "state": (None, 1 << 60, "text")},
    ]
    folder = _room() / "seed-checkpoints"
    return [store.write(folder, k, state, 2).read_bytes() for k, state in enumerate(states)]


def _checkpoint(path: Path) -> Any:
    found = store.newest(path.parent)
    # What is damaged is said, and nothing is taken from it.
    assert (found.path is None) == bool(found.damaged), found
    return found


# --- models -------------------------------------------------------------------------------------


@cache
def _runs() -> list[tuple[Path, bytes]]:
    """Folders of models, each with the description that is damaged in it."""
    generator = _seeded()
    recipe = Recipe.of(
        {"area": ["4", "", "8"], "street": ["a", "b", "a"], "day": ["2020-01-01", "2020-01-02", ""]}
    )
    columns = nn.Columns(recipe.sizes, recipe.gaps, generator=generator)
    models: list[tuple[nn.Module, dict[str, Any]]] = [
        (
            nn.Sequential(nn.Linear(2, 4, generator=generator), nn.ReLU(), nn.Linear(4, 2)),
            {"shape": [2], "columns": ["a", "b"], "classes": ["x", "y"]},
        ),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 2)),
            {"shape": [1, 8, 8], "levels": 16, "classes": ["x", "y"]},
        ),
        (
            nn.Sequential(columns, nn.Linear(columns.out_features, 1)),
            {
                "shape": [len(recipe.features)],
                "columns": list(recipe.features),
                "recipe": recipe.described(),
                "settings": {"hidden": [4], "seed": 1, "dropout": 0.5},
                "test": {"mae": 2.5},
                "data": "flats.csv",
                "best_epoch": 3,
            },
        ),
    ]
    made = []
    for k, (model, info) in enumerate(models):
        folder = _room() / f"run-{k}"
        save_model(folder, model, info)
        made.append((folder, (folder / "model.json").read_bytes()))
    return made


def _model(content: bytes) -> Any:
    """The description of a model, beside whichever weights may belong to it."""
    error: Exception | None = None
    for folder, _ in _runs():
        (folder / "model.json").write_bytes(content)
        try:
            return load_model(folder), Predictor.of(str(folder)), visit(str(folder))
        except ChainruleError as one:
            error = one
    assert error is not None
    raise error


def _figures(content: bytes) -> Any:
    """The figures of a run, line by line."""
    folder, description = _runs()[2]
    (folder / "model.json").write_bytes(description)
    (folder / "metrics.jsonl").write_bytes(content)
    try:
        return visit(str(folder))
    finally:
        (folder / "metrics.jsonl").unlink()


def _recipe(content: bytes) -> Any:
    try:
        described = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError("no JSON") from None
    recipe = Recipe.read(described)
    odd = ["", "a", "4", "2020-01-01", "1e400", "\0", "yes"]
    columns = dict.fromkeys(recipe.needed, odd)
    return recipe.encode(columns), recipe.notes(columns), recipe.described()


def _recipes() -> list[bytes]:
    return [
        json.dumps(json.loads(_runs()[2][1])["recipe"]).encode(),
        json.dumps(
            Recipe.of(
                {
                    "id": ["1", "2", "3"],
                    "same": ["x"] * 3,
                    "ok": ["yes", "no", "yes"],
                    "n": [1, 2, 4],
                }
            ).described()
        ).encode(),
    ]


def _onnx(content: bytes) -> Any:
    """A network, and what it makes of nothing."""
    import chainrule.onnx

    network = chainrule.onnx.load(content)
    shapes = [[n or 1 for n in one.shape or ()] for one in network.signature]
    if sum(map(math.prod, shapes)) < 1 << 16:
        network(*(np.zeros(s, one.dtype) for s, one in zip(shapes, network.signature)))
    return network


def _onnx_files() -> list[bytes]:
    import chainrule.onnx

    generator = _seeded()
    nets = [
        (nn.Sequential(nn.Linear(3, 4, generator=generator), nn.ReLU(), nn.Linear(4, 2)), (1, 3)),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten()), (1, 1, 8, 8)),
        (nn.Sequential(nn.LayerNorm(4), nn.Softmax(dim=1)), (2, 4)),
    ]
    made = []
    for net, shape in nets:
        file = io.BytesIO()
        chainrule.onnx.export(net, (np.zeros(shape, np.float32),), file)
        made.append(file.getvalue())
    return made


def _plain_files() -> list[bytes]:
    nets = [
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)),
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten()),
    ]
    return [
        _written(lambda path, net=net: write_json(path, net, {"classes": ["x", "y"]}), "plain.json")
        for net in nets
    ]


# --- runs and searches under way ----------------------------------------------------------------


def _journals() -> list[bytes]:
    job = Journal(Settings(hidden=(4,)), {"source": "flats.csv"}, "chainrule train", "ab12", 1)
    job.write(_room())
    return [(_room() / "job.json").read_bytes()]


_PLAN = Plan([{"lr": 0.1, "hidden": (4, 4)}, {"lr": 0.2, "hidden": (8,)}], (1, 3), kept=True)


def _trials(path: Path) -> Any:
    """The record of a search; after it another trial is written, and all is read once more."""
    record = Record(path, _PLAN)
    try:
        done = dict(record.done)
        left = _PLAN.due(done)
        if left:
            number, rung = left[0].number, left[0].rung
            record.add(Done(number, rung, _PLAN.budgets[rung], _PLAN.values[number], {}, 1, 2, "x"))
    finally:
        record.close()
    again = Record(path, _PLAN)
    again.close()
    assert again.done.items() >= done.items()
    return again.done


def _trial_lines() -> list[bytes]:
    row = {
        **{"number": 0, "rung": 0, "epochs": 1, "values": _PLAN.values[0]},
        **{"figures": {"loss": 0.5, "mae": 1.5}, "seconds": 0.1, "parameters": 9, "error": ""},
    }
    other = {**row, "number": 1, "values": _PLAN.values[1], "figures": {}, "error": "too large"}
    return [f"{json.dumps(row)}\n{json.dumps(other)}\n".encode(), json.dumps(row).encode()]


def _space(content: bytes) -> Any:
    """What a search is to try, and what it draws from that."""
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError("no JSON") from None
    space = read_space(given)
    return drawn(space, 0, 1), described(space)


# --- data ---------------------------------------------------------------------------------------


def _idx_files() -> list[bytes]:
    arrays = [np.arange(12, dtype=np.uint8).reshape(3, 2, 2), np.array([5, 0, 4], np.uint8)]
    return [
        _written(lambda path, a=array, s=suffix: write_idx(Path(f"{path}{s}"), a) or
                 (shutil.move(f"{path}{s}", path) if s else None), "idx")
        for array in arrays
        for suffix in ("", ".gz")
    ]  # fmt: skip


def _table(path: Path) -> Any:
    """A table to learn from, and the same as rows to predict from."""
    found = table(path)
    return found.recipe.encode(table_columns(path)) if found.recipe is not None else found


def _csv_files() -> list[bytes]:
    return [
        b"weight,age,kind\n4.5,7,cat\n30,2,dog\n5,3,cat\n20,1,dog\n",
        b'area;"street; or so";built;lift;price\n40;Elm;2001-02-03;yes;1,5\n;"a ""b""";;no;2\n'
        b"65;Elm;1999-12-31;yes;3\n12;Oak;2000-01-01;no;7.25\n",
        b"\xef\xbb\xbflabel,pixel0,pixel1,pixel2,pixel3\r\n1,0,255,3,4\r\n0,9,9,9,9\r\n",
        "id\tname\ty\n1\té\t1e3\n2\tNA\t-0.5\n3\t?\t12\n".encode(),
    ]


def _parquet_files() -> list[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"area": [1.5, None, 3.0, 4.0], "kind": ["a", "b", None, "a"], "y": [1, 2, 3, 4]}
    path = _room() / "seed.parquet"
    made = []
    for compression in ("none", "snappy"):
        parquet.write_table(pa.table(columns), path, compression=compression)
        made.append(path.read_bytes())
    return made


def _image_files() -> list[bytes]:
    from PIL import Image

    pixels = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)
    made = []
    for form in ("PNG", "JPEG", "BMP", "GIF", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form)
        made.append(file.getvalue())
    return made


def _image(content: bytes) -> Any:
    return read_image(content), read_image(content, size=4, channels=3, resize=True)


@cache
def _predictors() -> list[Predictor]:
    made = []
    for folder, description in _runs():
        (folder / "model.json").write_bytes(description)
        made.append(Predictor.of(str(folder)))
    return made


def _request(content: bytes) -> Any:
    """What somebody sends to the service, answered by whichever model takes it."""
    from chainrule.serve.reading import asked_by_json

    asked = asked_by_json(content)
    for predictor in _predictors():
        try:
            x = predictor.from_records(asked.rows).x
        except DataError:
            continue
        return [answer.plain() for answer in predictor.answers(predictor.outputs(x), asked.top)]
    return asked


def _requests() -> list[bytes]:
    return [
        b'{"rows": [[1, 2], {"a": 3, "b": -0.5}], "top": 1}',
        b'{"rows": [{"area": null, "street": "a", "day": "2020-01-01"}]}',
        b'{"images": ["AAAA"], "resize": true, "invert": false}',
    ]


TARGETS = {
    "safetensors": Target(_load, _tensors),
    "structure": Target(_structure, _structures),
    "torch": Target(_load, _archives),
    "pickle": Target(_pickle, _pickles),
    "checkpoint": Target(
        _by_path("checkpoints/step-000000001.safetensors", _checkpoint), _checkpoints
    ),
    "model": Target(_model, lambda: [description for _, description in _runs()]),
    "figures": Target(
        _figures, lambda: [b'{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": null}\n']
    ),
    "recipe": Target(_recipe, _recipes),
    "plain": Target(_by_path("plain.json", read_json), _plain_files),
    "job": Target(_by_path("job/job.json", lambda path: Journal.read(path.parent)), _journals),
    "trials": Target(_by_path("trials.jsonl", _trials), _trial_lines),
    "study": Target(
        _by_path("study/study.json", lambda path: noted_arguments(path.parent)),
        lambda: [b'{"arguments": ["digits", "--jobs", "2"], "seed": 0}'],
    ),
    "space": Target(
        _space,
        lambda: [
            b'{"lr": [1e-4, 0.1], "hidden": [[32], [64, 32]], "dropout": {"low": 0, "high": 0.5}}'
        ],
    ),
    "onnx": Target(_onnx, _onnx_files, "onnx"),
    "idx": Target(_by_path("one.idx", read_idx), _idx_files),
    "csv": Target(_by_path("one.csv", _table), _csv_files),
    "parquet": Target(_by_path("one.parquet", _table), _parquet_files, "pyarrow", 2048),
    "image": Target(_image, _image_files, "PIL", 2048),
    "request": Target(_request, _requests, "starlette"),
}
