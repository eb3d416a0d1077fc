"""`chainrule export`: a run in every form, and what cannot be."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from chainrule import nn
from chainrule.cli.main import main
from chainrule.export import read_json
from chainrule.io import load, load_model, save_model
from chainrule.train import predict

FORMS = {
    **{"c": ".c", "python": ".py", "json": ".json"},
    **{"safetensors": ".safetensors", "torch": ".pt"},
}
CLASSES = ["cat", "dog", "é"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a run, and the working directory beside it."""
    monkeypatch.chdir(tmp_path)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    save_model("runs/first-try", model, {"shape": [1, 2, 2], "levels": 16, "classes": CLASSES})
    return "runs/first-try"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The folder of a run on a table."""
    monkeypatch.chdir(tmp_path)
    save_model("prices", nn.Linear(2, 1), {"shape": [2], "columns": ["area", "rooms"]})
    return "prices"


def code(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["export", *arguments])
    return stopped.value.code


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_written_where_one_looks_for_it(form, run, tmp_path, capsys):
    assert code(run, "--to", form) == 0
    name = f"first_try{FORMS[form]}"
    assert sorted(p.name for p in tmp_path.iterdir()) == [name, "runs"]
    said = capsys.readouterr().out
    assert said.startswith(f"{name}: ")
    if form in ("c", "python"):
        assert "it takes images of 1 x 2 x 2, their pixels from 0 to 16" in said


def test_onnx(run, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert code(run, "--to", "onnx") == 0
    session = runtime.InferenceSession(str(tmp_path / "first_try.onnx"))
    x = np.ones((3, 1, 2, 2), np.float32)
    found = session.run(None, {session.get_inputs()[0].name: x})[0]
    np.testing.assert_allclose(found, predict(load_model(run).model, x), atol=1e-6)


def test_python_in_another_interpreter(run, tmp_path):
    assert code(run, "--to", "python", "--probabilities") == 0
    program = (
        "import json, first_try as f; "
        "print(json.dumps([f.CLASSES, f.predict([[[[1] * 2] * 2]]).tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    classes, (row,) = json.loads(done.stdout)
    assert classes == CLASSES
    assert sum(row) == pytest.approx(1)


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler (cc) is installed")
def test_c_compiles_as_it_says(table, tmp_path):
    assert code(table, "--to", "c") == 0
    strict = ["-Wall", "-Wextra", "-Werror", "-std=c99", "-O2"]
    command = ["cc", *strict, "-DPRICES_MAIN", "prices.c", "-o", "answer", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    given = {"input": "area,rooms\n40,2\n,1\n", "capture_output": True, "text": True}
    done = subprocess.run([tmp_path / "answer"], check=True, **given)
    expected = predict(load_model(table).model, np.array([[40, 2]], np.float32))
    first, second = map(float, done.stdout.split())
    assert first == pytest.approx(float(expected[0, 0]), abs=1e-5)
    assert np.isnan(second)


def test_weights_as_pytorch_reads_them(run, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    safetensors = pytest.importorskip("safetensors.torch")
    assert code(run, "--to", "safetensors") == code(run, "--to", "torch") == 0
    theirs = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    theirs.load_state_dict(safetensors.load_file(tmp_path / "first_try.safetensors"))
    theirs.load_state_dict(torch.load(tmp_path / "first_try.pt", weights_only=True))
    x = np.ones((2, 1, 2, 2), np.float32)
    found = theirs(torch.as_tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, predict(load_model(run).model, x), atol=1e-6)
    assert sorted(load(tmp_path / "first_try.safetensors")) == ["1.bias", "1.weight"]


def test_json_comes_back(table, tmp_path):
    assert code(table, "--to", "json", "--out", "net.json") == 0
    model, about = read_json(tmp_path / "net.json")
    assert about["columns"] == ["area", "rooms"]
    np.testing.assert_array_equal(
        model.weight.detach().numpy(), load_model(table).model.weight.detach().numpy()
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "c", "--out", "no/such/net.c"], "in a folder that is there"),
        (["--to", "c", "--out", "runs"], "in a folder that is there"),
        (["--to", "fortran"], "'fortran' is not one of"),
        (["--to", "json", "--probabilities"], "not for json"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, sentence, run, capsys):
    assert code(run, *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert sentence in said


def test_a_file_that_is_there_is_left_alone(run, tmp_path, capsys):
    (tmp_path / "first_try.c").write_text("mine")
    assert code(run, "--to", "c") == 2
    assert "is there already; name the file with --out" in capsys.readouterr().err
    assert (tmp_path / "first_try.c").read_text() == "mine"
    assert code(run, "--to", "c", "--out", "first_try.c") == 0


def test_probabilities_of_a_number(table, capsys):
    assert code(table, "--to", "c", "--probabilities") == 2
    assert "not for a network that predicts a number" in capsys.readouterr().err


def test_a_folder_that_is_no_run(tmp_path, capsys):
    assert code(str(tmp_path), "--to", "c") == 2
    assert "give the folder that chainrule train wrote" in capsys.readouterr().err
