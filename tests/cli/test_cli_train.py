"""`chainrule train` when all is well: every kind of data, every choice, and what is left behind."""

import json
import re
import shlex

import numpy as np
import pytest

import chainrule as library
from chainrule.autograd import no_grad
from chainrule.data import load
from chainrule.explain import Machine
from chainrule.io import load_model
from chainrule.optim.names import OPTIMIZERS
from chainrule.train import evaluate
from chainrule.train.fitting.loop import SCHEDULES
from chainrule.train.job.models import ACTIVATIONS
from cli import material
from cli.material import QUICK

FILES = ["metrics.jsonl", "model.json", "model.safetensors", "report.html"]


def figures(folder):
    """The lines of metrics.jsonl, without what depends on the machine."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    times = ("seconds", "examples_per_second")
    return [{name: row[name] for name in row if name not in times} for row in rows]


def is_whole_run(folder, epochs, metric):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    rows = figures(folder)
    assert [row["epoch"] for row in rows] == list(range(1, epochs + 1))
    for row in rows:
        assert set(row) == {
            "epoch",
            "learning_rate",
            *("loss", metric, "validation_loss", f"validation_{metric}"),
        }
    page = (folder / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    info = json.loads((folder / "model.json").read_text())
    assert info["format"] == 1
    return info


# --- every kind of data -------------------------------------------------------------------------


def classes_of_digits():
    return [str(k) for k in range(10)]


@pytest.mark.parametrize(
    ("data", "shape", "classes"),
    [
        ("digits", [1, 8, 8], classes_of_digits()),
        ("pets.csv", [2], ["cat", "dog", "hen"]),
        ("kaggle.csv", [1, 8, 8], classes_of_digits()),
        ("moons", [2], ["upper", "lower"]),
        ("circles", [2], ["outer", "inner"]),
        ("ring", [2], ["cluster", "ring"]),
        ("spiral", [2], ["arm 1", "arm 2", "arm 3"]),
        ("xor", [2], ["same sign", "opposite signs"]),
        ("blobs", [2], ["blob 1", "blob 2", "blob 3"]),
        ("grey", [1, 8, 8], ["bright", "dark"]),
        ("colour", [3, 8, 8], ["bright", "dark"]),
        ("colour --grey", [1, 8, 8], ["bright", "dark"]),
        ("colour --image-size 5", [3, 5, 5], ["bright", "dark"]),
    ],
)
def test_classes(chainrule, tmp_path, data, shape, classes):
    material.pets(tmp_path / "pets.csv")
    material.kaggle(tmp_path / "kaggle.csv")
    if data.startswith(("grey", "colour")):
        pytest.importorskip("PIL.Image")
        material.shapes(tmp_path / "grey", "L")
        material.shapes(tmp_path / "colour", "RGB")
    ended = chainrule(f"train {data} --epochs 2 --model mlp --hidden 8 --out out")
    assert (ended.code, ended.err) == (0, "")
    *_, accuracy, place = ended.out.splitlines()
    assert re.fullmatch(r"test accuracy \d{1,3}\.\d %", accuracy)
    assert place == "model, figures and report: out"
    info = is_whole_run(tmp_path / "out", 2, "accuracy")
    assert info["shape"] == shape
    assert info["classes"] == classes
    assert accuracy == f"test accuracy {100 * info['test']['accuracy']:.1f} %"


@pytest.mark.parametrize("data", ["prices.csv", "prices.csv --target rooms", "rectangles"])
def test_numbers(chainrule, tmp_path, data):
    material.prices(tmp_path / "prices.csv", rows=40)
    if "rooms" in data:  # whole numbers, but too many different ones to be classes
        text = (tmp_path / "prices.csv").read_text().replace("rooms,age", "size,rooms", 1)
        (tmp_path / "prices.csv").write_text(text)
    ended = chainrule(f"train {data} --epochs 2 --model mlp --hidden 8 --out out")
    assert (ended.code, ended.err) == (0, "")
    *_, error, _place = ended.out.splitlines()
    assert re.fullmatch(r"test error [\d.e+]+ on average, R2 -?\d+\.\d{3}", error)
    info = is_whole_run(tmp_path / "out", 2, "mae")
    assert info["classes"] is None
    assert set(info["test"]) == {"mae", "r2"}


def test_targets_that_are_all_alike_in_the_test(chainrule, tmp_path):
    rows = "\n".join(f"{i}.5,{i * 2},{5.5 if i else 7.25}" for i in range(12))
    (tmp_path / "odd.csv").write_text(f"a,b,price\n{rows}\n")
    ended = chainrule(f"train odd.csv {QUICK} --out out")
    assert ended.code == 0
    assert re.fullmatch(r"test error [\d.]+ on average", ended.out.splitlines()[-2])
    assert set(json.loads((tmp_path / "out" / "model.json").read_text())["test"]) == {"mae"}


def test_mnist_brings_its_own_test(chainrule, tmp_path):
    material.mnist(tmp_path / "data" / "mnist", labels=[*range(10)] * 4)
    ended = chainrule("train mnist --data-dir data --model linear --lr 0.1 --epochs 30 --out out")
    assert (ended.code, ended.err) == (0, "")
    assert "80 images of 1 x 28 x 28" in ended.out
    assert "36 to train on, 4 to choose the best weights by, 40 to test on" in ended.out
    assert ended.out.splitlines()[-2] == "test accuracy 100.0 %"


@pytest.mark.parametrize("options", ["", "--no-doctor"])
def test_a_doctor_stands_by_unless_told_not_to(chainrule, tmp_path, options):
    """A learning rate that is far too high is spoken of on the screen and in the report."""
    line = "train moons --lr 5 --epochs 10 --model mlp --hidden 8 --out out"
    ended = chainrule(f"{line} {options}")
    assert (ended.code, ended.err) == (0, "")
    assert ("learning rate too high" in ended.out) is (not options)
    page = (tmp_path / "out" / "report.html").read_text()
    assert ("learning rate too high" in page) is (not options)


def test_the_report_says_how_to_repeat_it(chainrule, tmp_path):
    chainrule(f"train moons {QUICK} --out 'my run' --seed 4")
    line = (
        "chainrule train moons --epochs 1 --model mlp --hidden 8 --out &#x27;my run&#x27; --seed 4"
    )
    page = (tmp_path / "my run" / "report.html").read_text()
    assert line in page or line.replace("&#x27;", "'") in page


def test_what_it_says(chainrule):
    ended = chainrule("train moons --epochs 2 --model mlp --hidden 8,4 --dropout 0.5")
    assert ended.out.splitlines()[:4] == [
        "moons: two interleaved half circles, drawn from a seed",
        "1,000 rows of 2 numbers, 2 classes (upper, lower)",
        "720 to train on, 80 to choose the best weights by, 200 to test on",
        "",
    ]
    table = [line.split() for line in ended.out.splitlines()[4:14]]
    assert [" ".join(row[:5]) for row in table] == [
        "layer output parameters forward backward",
        "Sequential (1, 2) 70 137",
        "0 (Normalize) (1, 2) 0",
        "1 (Linear) (1, 8) 24",
        "2 (ReLU) (1, 8) 0",
        "3 (Dropout) (1, 8) 0",
        "4 (Linear) (1, 4) 36",
        "5 (ReLU) (1, 4) 0",
        "6 (Dropout) (1, 4) 0",
        "7 (Linear) (1, 2) 10",
    ]
    assert "70 parameters, all learned, 280 B" in ended.out
    number = r"\d+\.\d+"
    lines = [line for line in ended.out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    for epoch, line in enumerate(lines, start=1):
        assert re.fullmatch(
            rf"epoch {epoch}/2  loss {number}  accuracy {number} %  validation loss {number}  "
            rf"validation accuracy {number} %  [\d,]+ examples/s",
            line,
        )
    assert "\x1b" not in ended.out  # nobody is watching: no bar, no colours


def test_it_learns(chainrule):
    ended = chainrule("train moons --epochs 20 --lr 0.01")
    accuracy = re.search(r"test accuracy (\S+) %", ended.out)
    assert float(accuracy[1]) > 97
    ended = chainrule("train digits --model mlp --epochs 15")
    accuracy = re.search(r"test accuracy (\S+) %", ended.out)
    assert float(accuracy[1]) > 93


def test_the_figure_is_that_of_examples_never_trained_on(trained):
    """Measured again from the files: the split is drawn from the seed."""
    model, info = load_model(trained("pets"))
    _, test = load(trained("pets").parent / "pets.csv").split(0.2, seed=1)
    assert evaluate(model, (test.x, test.y))["accuracy"] == info["test"]["accuracy"]


# --- every choice -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        *(f"--optimizer {name}" for name in OPTIMIZERS),
        *(f"--schedule {name}" for name in SCHEDULES),
        *(f"--activation {name}" for name in ACTIVATIONS),
        "--model linear",
        "--model auto",
        "--hidden ''",
        "--hidden 8,4,2",
        "--dropout 0.9",
        "--engine layers",
        "--weight-decay 0.1",
        "--label-smoothing 0",
        "--threads 1",
        "--threads 99",
        "--batch-size 1000000",
        "--test 0.5",
        "--seed 18446744073709551617",
    ],
)
def test_choices(chainrule, tmp_path, choice):
    ended = chainrule(f"train moons --epochs 1 --hidden 8 --out out {choice}")
    assert (ended.code, ended.err) == (0, "")
    is_whole_run(tmp_path / "out", 1, "accuracy")
    option, value = shlex.split(choice)
    settings = json.loads((tmp_path / "out" / "model.json").read_text())["settings"]
    wanted = settings[option[2:].replace("-", "_")]
    assert str(wanted) == ("mlp" if value == "auto" else value) or wanted == pytest.approx(
        [int(n) for n in value.split(",") if n] if option == "--hidden" else float(value)
    )


@pytest.mark.parametrize("model", ["cnn", "mlp", "linear", "auto"])
def test_models_of_images(chainrule, tmp_path, model):
    material.kaggle(tmp_path / "few.csv", rows=60)
    ended = chainrule(f"train few.csv --epochs 1 --dropout 0.1 --model {model} --out out")
    assert (ended.code, ended.err) == (0, "")
    is_whole_run(tmp_path / "out", 1, "accuracy")


def test_without_validation_the_training_decides(chainrule, tmp_path):
    ended = chainrule("train moons --epochs 3 --model mlp --validation 0 --patience 1 --out out")
    assert "800 to train on, 200 to test on" in ended.out
    assert ended.code == 0
    assert set(figures(tmp_path / "out")[0]) == {"epoch", "loss", "accuracy", "learning_rate"}


def test_patience_stops(chainrule, tmp_path):
    material.pets(tmp_path / "pets.csv")
    swinging = "--lr 1 --schedule constant --epochs 200 --patience 3"
    ended = chainrule(f"train pets.csv --model linear {swinging} --out out")
    assert re.search(r"stopped early: validation_loss has not improved for 3 epochs\n", ended.out)
    epochs = len(figures(tmp_path / "out"))
    assert epochs < 100
    best = json.loads((tmp_path / "out" / "model.json").read_text())["best_epoch"]
    assert f"best weights: those of epoch {best}\n" in ended.out
    assert epochs - 3 <= best <= epochs


def test_epochs_by_the_number_of_steps(chainrule, tmp_path):
    material.pets(tmp_path / "pets.csv")
    chainrule("train pets.csv --model linear --batch-size 13 --out out")
    settings = json.loads((tmp_path / "out" / "model.json").read_text())["settings"]
    assert 700 <= 5 * settings["epochs"] < 705  # of 5 steps each


# --- the folder ---------------------------------------------------------------------------------


def test_the_next_free_folder(chainrule, tmp_path):
    for _ in range(2):
        chainrule(f"train moons {QUICK}")
    material.pets(tmp_path / "my pets.csv")
    assert "report: runs/my pets-1" in chainrule(f"train 'my pets.csv' {QUICK}").out
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "moons-1",
        "moons-2",
        "my pets-1",
    ]


def test_overwrite(chainrule, tmp_path):
    chainrule("train moons --epochs 3 --model mlp --hidden 8 --out out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    chainrule("train circles --epochs 2 --model mlp --hidden 4 --out out --overwrite")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    (tmp_path / "out" / "notes.txt").unlink()
    assert is_whole_run(tmp_path / "out", 2, "accuracy")["data"] == "circles"


def test_an_empty_folder_is_taken(chainrule, tmp_path):
    (tmp_path / "out").mkdir()
    assert chainrule(f"train moons {QUICK} --out out").code == 0
    is_whole_run(tmp_path / "out", 1, "accuracy")


# --- without training ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("moons --epochs 3", "3 epochs of 12 steps, "),
        ("moons --epochs 3 --engine layers", "3 epochs of 12 steps, "),
        ("moons --epochs 30000 --threads 1", "30,000 epochs of 12 compiled steps, "),
        ("prices.csv --epochs 2 --validation 0 --batch-size 10", "2 epochs of 4 steps, "),
    ],
    ids=["tape", "layers", "compiled", "numbers"],
)
def test_a_dry_run(chainrule, tmp_path, monkeypatch, line, told):
    here = Machine(overhead=5e-6, flops=1e11, bandwidth=1e10)
    monkeypatch.setattr(Machine, "here", lambda: here)
    material.prices(tmp_path / "prices.csv", rows=50)
    before = sorted(tmp_path.iterdir())
    ended = chainrule(f"train {line} --model mlp --hidden 8 --dry-run")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    number = r"[\d.]+ (ns|us|ms|s|min( \d+ s)?|h( \d+ min)?)"
    assert re.match(
        rf"this will take about {number} on this machine, and [\d.]+ KiB: {told}{number} each, "
        "bound by ",
        lines[-2],
    )
    assert lines[-1] == "nothing was trained, and nothing written"
    assert any(line.startswith("Sequential") for line in lines)
    assert "to train on" in ended.out
    assert "epoch 1" not in ended.out
    kept = {tmp_path / "no-cache"}  # machine code
    assert sorted(set(tmp_path.iterdir()) - kept) == before


def test_a_rate_that_no_number_outlives(chainrule, monkeypatch):
    """It is foreseen what a step takes, but not what it leads to; no line is blamed."""
    here = Machine(overhead=5e-6, flops=1e11, bandwidth=1e10)
    monkeypatch.setattr(Machine, "here", lambda: here)
    monkeypatch.setattr(Machine, "is_known", lambda: True)
    line = "train moons --model mlp --hidden 8 --optimizer sgd --lr 1e30"
    assert chainrule(f"{line} --dry-run").code == 0
    ended = chainrule(line)
    assert ended.code == 2
    assert "the learning rate 1e+30 is too large" in ended.out
    assert ended.err.startswith("error: the loss became nan in epoch 1, step 2: linear of ")
    assert "linear in 3 (Linear), on the way forward; use a lower learning rate" in ended.err


def test_a_dry_run_refuses_what_a_run_would(chainrule, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("")
    for line, words in [
        ("moons --out out", "--out out is not empty"),
        ("moons --test 0", "so --test must be above 0"),
        ("moons --lr 1 --optimizer none", "there is no optimizer 'none'"),
        ("nowhere", "nowhere"),
    ]:
        ended = chainrule(f"train {line} --dry-run")
        assert ended.code == 2
        assert words in ended.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


# --- again --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["moons --dropout 0.3", "kaggle.csv --model cnn"])
def test_the_same_seed_gives_the_same_bits(chainrule, tmp_path, data):
    material.kaggle(tmp_path / "kaggle.csv", rows=40)
    for out, seed in [("a", 5), ("b", 5), ("c", 6)]:
        line = f"train {data} --epochs 2 --hidden 8 --batch-size 10 --seed {seed} --out {out}"
        assert chainrule(line).code == 0
    weights = {out: (tmp_path / out / "model.safetensors").read_bytes() for out in "abc"}
    assert weights["a"] == weights["b"]
    assert weights["a"] != weights["c"]
    assert figures(tmp_path / "a") == figures(tmp_path / "b")
    assert figures(tmp_path / "a") != figures(tmp_path / "c")


@pytest.mark.parametrize("name", ["digits", "pets", "prices", "kaggle"])
def test_what_is_loaded_is_what_was_measured(trained, name):
    folder = trained(name)
    model, info = load_model(folder)
    assert not model.training
    examples = load("digits" if name == "digits" else folder.parent / f"{name}.csv")
    _, test = examples.split(0.2, seed=1)
    with no_grad():
        outputs = model(test.x).array
    if name == "prices":
        error = float(np.mean(np.abs(outputs.reshape(-1) - test.y)))
        assert error == pytest.approx(info["test"]["mae"], rel=1e-5)
    else:
        share = float(np.mean(outputs.argmax(axis=1) == test.y))
        assert share == info["test"]["accuracy"]


# --- words from outside -------------------------------------------------------------------------

STRANGE = ("[bold]red[/bold]", "[/]", ":cat:", "<b>&amp;", "\\", "\x1b[31mx")


def test_names_are_shown_as_they_are(chainrule, tmp_path):
    path = material.pets(tmp_path / "[i]pets[-i].csv", classes=STRANGE[:3])
    ended = chainrule(f"train {shlex.quote(path.name)} {QUICK} --out '[red]out[/]'")
    assert ended.code == 0
    assert ended.out.startswith("[i]pets[-i].csv: a table")
    assert "3 classes (:cat:, [/], [bold]red[/bold])" in ended.out
    assert ended.out.endswith("model, figures and report: [red]out[/]\n")
    assert (tmp_path / "[red]out[/]" / "model.json").exists()


def test_names_are_no_commands_to_the_terminal(chainrule, tmp_path):
    material.pets(tmp_path / "pets.csv", classes=STRANGE[3:])
    ended = chainrule(f"train pets.csv {QUICK} --out out")
    assert r"3 classes (?[31mx, <b>&amp;, \)" in ended.out
    assert json.loads((tmp_path / "out" / "model.json").read_text())["classes"][0] == STRANGE[-1]
    assert "<b>" not in (tmp_path / "out" / "report.html").read_text()


# --- help ---------------------------------------------------------------------------------------


def test_help_and_version(chainrule):
    assert chainrule("--version").out == f"chainrule {library.__version__}\n"
    for line in ("", "-h", "--help"):
        ended = chainrule(line)
        assert ended.code == 0
        assert "Train a network on DATA" in ended.out
    ended = chainrule("train --help")
    for option in ("--hidden", "--optimizer", "--target", "--overwrite"):
        assert option in ended.out
