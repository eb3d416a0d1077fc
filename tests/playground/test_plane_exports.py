"""What can be had of the plane: a program that gives the same loss, the model, a picture."""

import csv
import io
import subprocess
import sys
import time

import numpy as np
import pytest

from chainrule.autograd import from_numpy, no_grad
from chainrule.export import read_json
from chainrule.io import load
from chainrule.playground import Plane


def train(plane, steps):
    while steps:
        steps -= plane.advance(time.perf_counter() + 0.05, steps)
    return plane


def usual():
    return train(Plane(), 300)


def changed():
    plane = train(Plane(data="xor", l2=1e-3), 1)
    plane.change(lr=0.1)
    train(plane, 1)
    plane.change(lr=0.05, l1=1e-3)
    train(plane, 200)
    plane.change(lr=0.2)
    train(plane, 9)
    plane.undo()
    train(plane, 100)
    plane.change(l2=0.0)
    return train(plane, 40)


def numbers():
    return train(
        Plane(
            data="waves",
            layers=[8],
            loss="huber",
            activation="gelu",
            init="xavier",
            optimizer="nesterov",
            dropout=0.1,
            features=["x2", "x1x2", "sin_x1"],
            batch_size=50,
            share=0.6,
            seed=3,
        ),
        200,
    )


def drawn():
    return train(Plane(data="drawn", drawn=[[0.1, 0.2, 0], [-1, 1.23456789, 2]] * 8), 60)


def drawn_numbers():
    points = [[0.1 * k - 1, 0.3, 0.7 * k] for k in range(3)]
    return train(Plane(data="drawn", drawn=points, drawn_as="number", init="zeros"), 20)


NAMES = ['first "column"\\', "it's\n'''\"\"\"{x}", "kind\r"]
CLASSES = ['a\n"""', "'b', print('no')", "{c}\\"]


def table():
    rng = np.random.default_rng(1)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(NAMES)
    for k, (a, b) in enumerate((100 + 17 * rng.normal(size=(150, 2))).tolist()):
        writer.writerow([a, b, CLASSES[k % 3]])
    plane = Plane(batch_size=16)
    plane.take("a'''table.csv", text.getvalue().encode())
    return train(plane, 150)


def prices():
    rng = np.random.default_rng(2)
    rows = [f"{a!r},{b!r},{1e5 * a!r}" for a, b in rng.normal(size=(90, 2)).tolist()]
    plane = Plane(layers=[3])
    plane.take("prices.csv", "\n".join(["a,b,price", *rows]).encode())
    return train(plane, 100)


@pytest.mark.parametrize(
    "make", [usual, changed, numbers, drawn, drawn_numbers, table, prices], ids=lambda f: f.__name__
)
def test_the_program_gives_the_same_loss(make, tmp_path):
    plane = make()
    script = plane.download("script")
    assert script.kind == "text/x-python"
    (tmp_path / script.name).write_bytes(script.content)
    if b"data.csv" in script.content:
        (tmp_path / "data.csv").write_bytes(plane.download("data").content)
    run = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    frame = plane.frame()
    lines = run.stdout.splitlines()
    losses = [float(line.split()[2].rstrip(",")) for line in lines]
    expected = [frame["loss"]["train"], frame["loss"]["test"]][: len(lines)]
    assert losses == pytest.approx(expected, rel=1e-6)
    if make is not drawn_numbers:
        assert len(lines) == 2
    if frame["kind"] == "classes":
        assert f"{frame['score']['train']:.2%}" in lines[0]


def test_the_program_reads_well():
    lines = changed().download("script").content.decode().splitlines()
    assert max(map(len, lines)) <= 100
    course = lines[lines.index("take(0, 1)") :][:10]
    assert course == [
        "take(0, 1)",
        'optimizer.param_groups[0]["lr"] = 0.1',
        "take(1, 2)",
        "l1.fill_(0.001)",
        'optimizer.param_groups[0]["lr"] = 0.05',
        "take(2, 302)",
        "l2.fill_(0.0)",
        "take(302, 342)",
        "model.eval()",
        'report("training", train)',
    ]
    plain = usual().download("script").content.decode()
    assert "penalty" not in plain
    assert "l1" not in plain
    assert "csv" not in plain


def test_what_came_from_outside_is_quoted():
    script = table().download("script").content.decode()
    tree = compile(script, "plane.py", "exec", flags=0, dont_inherit=True)
    assert tuple(sorted(CLASSES)) in tree.co_consts
    assert "table.csv" not in script


def test_the_model_can_be_read_again(tmp_path):
    plane = numbers()
    file = plane.download("model")
    assert file.name == "model.json"
    (tmp_path / file.name).write_bytes(file.content)
    saved = read_json(tmp_path / file.name)
    x = plane._training.test.x
    with no_grad():
        assert np.allclose(saved.model(from_numpy(x)).array, plane._training.outputs(x), atol=1e-6)
    assert saved.info["features"] == ["x2", "x1x2", "sin_x1"]


def test_a_large_model_is_had_in_binary(tmp_path):
    file = Plane(layers=[1000, 1000]).download("model")
    assert file.name == "model.safetensors"
    (tmp_path / file.name).write_bytes(file.content)
    weights = load(tmp_path / file.name)
    assert weights["2.weight"].shape == (1000, 1000)


@pytest.mark.parametrize("make", [drawn, prices, table], ids=lambda f: f.__name__)
def test_the_picture_is_drawn_in_the_units_of_the_data(make):
    plane = make()
    picture = plane.download("picture")
    assert picture.kind == "image/svg+xml"
    text = picture.content.decode()
    assert text.startswith("<svg")
    assert f"after {plane.frame()['steps']:,} steps" in text
    assert "<script" not in text
    if make is table:
        assert "first &quot;column" in text or 'first "column' in text
        assert ">100<" in text
