"""What the command line refuses, and the one line that it says: the tables are the documentation.

Every refusal is one line on standard error that begins with "error:", exit code 2, and nothing is
written or left behind. A row is the command and, of the sentence, what a person needs from it;
`...` stands for any words between.
"""

import json
import re
import shutil
import subprocess
import sys

import pytest

from chainrule.errors import DataError
from cli import material

Image = pytest.importorskip("PIL.Image")

DATA = [
    ("train nosuch.csv", "'nosuch.csv' is neither a file or folder nor one of the data sets"),
    ("train digit", "'digit' is neither ... did you mean 'digits'?"),
    ("train ''", "'' is neither a file or folder"),
    (
        "train notes.md",
        "notes.md is not a kind of file to learn from; a table (.csv, .parquet, .tsv, .txt)",
    ),
    # Tables: the place of what is wrong.
    ("train ragged.csv", "ragged.csv, line 3: 3 cells are due as in the header, 2 are there"),
    (
        "train word.csv",
        "word.csv: column 'age' holds numbers and 'old', among others that are none",
    ),
    ("train prose.csv", "prose.csv: column 'said' holds free text: 30 different texts in 30 rows"),
    ("train untold.csv", "untold.csv: target 'kind' is missing in every row; choose another"),
    (
        "train alike.csv",
        "alike.csv: no column is left to learn from: 'age' is the same in every row",
    ),
    ("train pets.csv --drop ago", "pets.csv has no column 'ago'; did you mean 'age'?"),
    ("train pets.csv --drop kind", "--drop kind: it is the target, which is no feature"),
    ("train digits --drop age", "drop does not apply to 'digits', only to a table"),
    ("train same.csv", "target 'kind' is 'cat' in every row, so there is nothing to learn"),
    ("train nothing.csv", "nothing.csv is empty; a line with column names"),
    ("train header.csv", "header.csv has column names but no rows below them"),
    ("train bare.csv", "bare.csv begins with numbers ('1', '2', '3'), a line with column names"),
    ("train latin.csv", "latin.csv is not UTF-8 text: line 2 holds the byte 0xe9"),
    ("train few.csv", "few.csv: nothing can be held out of 2 examples"),
    ("train pets.csv --target knd", "pets.csv has no column 'knd'; did you mean 'kind'?"),
    ("train pets.csv --target price", "no column 'price'; it has 'weight', 'age', 'kind'"),
    ("train label12.csv", "label12.csv, line 5: target 'label' holds '12', a digit from 0 to 9"),
    ("train pixel300.csv", "line 5: column 'pixel0' holds '300'; a pixel is a whole number from 0"),
    # Folders of images.
    ("train nobody", "nobody has neither subfolders nor images"),
    ("train flat", "flat has images but no subfolders; put the images of each class into a"),
    ("train hollow", "hollow/bright has no images (.bmp"),
    ("train single", "single has one class only, 'bright'"),
    ("train truncated", "truncated/dark/0.png is damaged and cannot be decoded"),
    ("train renamed", "renamed/dark/0.png is not an image that can be read"),
    ("train shapes --image-size 9999", "size is a number of pixels ... 1 to 4096, got 9999"),
    # MNIST.
    (
        "train mnist --data-dir label11",
        "t10k-labels-idx1-ubyte: label 1 (from 0) is 11; the digits are",
    ),
    ("train mnist --data-dir repacked", "t10k-images-idx3-ubyte.gz is not the published file: the"),
    ("train mnist --data-dir corrupt", "cannot be read to its end ... get the file again"),
    ("train mnist --data-dir cut", "train-images-idx3-ubyte is truncated: its header claims"),
    ("train mnist --data-dir three", "has only 3 of the four MNIST files: t10k-labels-idx1-ubyte"),
    ("train mnist", "MNIST was not found in ... no connection to 127.0.0.1:9"),
]

OPTIONS = [
    ("train --lr -1", "'--lr': -1.0 is not in the range x>0"),
    ("train --lr 0", "'--lr': 0.0 is not in the range x>0"),
    ("train --lr nan", "--lr must be above 0, got nan"),
    ("train --lr fast", "'--lr': 'fast' is not a valid float"),
    ("train --hidden 12,x", "'--hidden': '12,x' is no list of whole numbers such as 128,64"),
    ("train --hidden 8,0", "'--hidden': '8,0': sizes must be at least 1"),
    ("train --epochs 0", "'--epochs': 0 is not in the range x>=1"),
    ("train --epochs 1.5", "'--epochs': '1.5' is not a valid integer"),
    ("train --batch-size 0", "'--batch-size': 0 is not in the range x>=1"),
    ("train --validation 1", "'--validation': 1.0 is not in the range 0<=x<1"),
    ("train --validation nan", "--validation is a share from 0 to below 1, got nan"),
    ("train --test 1", "'--test': 1.0 is not in the range 0<=x<1"),
    ("train --test 0", "digits brings no test set, so --test must be above 0"),
    ("train --dropout 1", "'--dropout': 1.0 is not in the range 0<=x<1"),
    ("train --label-smoothing 1", "'--label-smoothing': 1.0 is not in the range 0<=x<1"),
    ("train --weight-decay -1", "'--weight-decay': -1.0 is not in the range x>=0"),
    ("train --weight-decay inf", "--weight-decay must be at least 0, got inf"),
    ("train --patience 0", "'--patience': 0 is not in the range x>=1"),
    ("train --threads 0", "'--threads': 0 is not in the range x>=1"),
    ("train --seed -1", "'--seed': -1 is not in the range x>=0"),
    # Names, and the nearest one there is.
    ("train --model mpl", "there is no model 'mpl'; use one of ... did you mean 'mlp'?"),
    ("train --optimizer adm", "there is no optimizer 'adm'; use one of ... did you mean 'adam'?"),
    ("train --engine layer", "there is no engine 'layer'; use one of ... did you mean 'layers'?"),
    ("train --schedule cosin", "there is no schedule 'cosin' ... did you mean 'cosine'?"),
    ("train --activation rleu", "there is no activation 'rleu' ... did you mean 'relu'?"),
    ("train pets.csv --model cnn", "--model cnn needs images; for a table use --model mlp"),
    ("train shapes --model cnn --image-size 3", "needs images of at least 4x4, got 3x3"),
    # What does not apply.
    ("train digits --target label", "target does not apply to 'digits', only to a table"),
    ("train digits --image-size 8", "size does not apply to 'digits', only to a folder of images"),
    ("train moons --grey", "grey does not apply to 'moons', only to a folder of images"),
    ("train pets.csv --data-dir .", "data_dir does not apply to 'pets.csv', only to mnist"),
    (
        "train --engine layers --optimizer adam",
        "--engine layers descends plainly ... knows no --optimizer adam; leave it out",
    ),
    ("train --engine layers --shard-optimizer", "knows no --shard-optimizer; leave it out, or use"),
    ("train --engine layers --weight-decay 1", "knows no --weight-decay; leave it out, or use"),
    ("train --engine layers --activation gelu", "GELU(approximate='none') has no counterpart in"),
    # Where to write.
    ("train --out pets.csv", "--out pets.csv is a file; give a folder"),
    ("train --out pets.csv/run", "--out pets.csv/run cannot be made: Not a directory"),
    ("train --out shapes", "--out shapes is not empty; choose another, or pass --overwrite"),
    # The command itself.
    ("trian", "No such command 'trian'"),
    ("train --epoch 3", "No such option '--epoch'. Did you mean '--epochs'?"),
    ("train --lr", "Option '--lr' requires an argument"),
    ("train moons circles", "Got unexpected extra argument (circles)"),
    ("predict", "Missing argument 'RUN'"),
    ("predict good", "Missing argument 'INPUTS...'"),
    ("predict good 1.png --top 0", "'--top': 0 is not in the range x>=1"),
]

# The learning goes wrong, or cannot begin: what had been made is taken away again.
TRAINING = [
    (
        "train moons --model mlp --lr 1e6 --optimizer sgd",
        "the loss became ... use a lower learning",
    ),
    ("train moons --model mlp --lr 1e6 --engine layers", "the loss became ... use a lower"),
    ("train pets.csv --lr 1e30 --optimizer sgd --batch-size 99 --epochs 1", "no finite numbers"),
    ("train moons --model mlp --hidden 1000000000000", "there is not enough memory for this"),
]

PREDICTIONS = [
    # The folder.
    ("predict nosuch 1.png", "nosuch/model.json cannot be read: No such file or directory; give"),
    ("predict nobody 1.png", "nobody/model.json cannot be read"),
    ("predict pets.csv 1.png", "pets.csv/model.json cannot be read"),
    # The weights.
    ("predict halved 1.png", "halved/model.safetensors is not a whole safetensors file"),
    ("predict huge 1.png", "huge/model.safetensors is not a whole safetensors file"),
    ("predict weightless 1.png", "weightless/model.safetensors cannot be read: No such file"),
    # The description.
    ("predict cut 1.png", "cut/model.json is not whole JSON"),
    ("predict text 1.png", "text/model.json is not whole JSON"),
    ("predict format9 1.png", "format9/model.json does not describe a model of format 1"),
    ("predict listed 1.png", "listed/model.json does not describe a model of format 1"),
    ("predict unknown 1.png", "the description names an unknown layer 'Linnear' ... 'Linear'?"),
    ("predict class 1.png", "the description names an unknown layer '__class__'"),
    ("predict named 1.png", "'__class__' cannot name a module in a description"),
    ("predict method 1.png", "cannot be named 'forward'"),
    ("predict giant 1.png", "Linear.out_features in the description cannot be 1000000000000"),
    ("predict wide 1.png", "the description asks for more weights than the"),
    ("predict square 1.png", "LayerNorm.normalized_shape in the description cannot be [60000"),
    ("predict deep 1.png", "the description nests modules more than 64 deep"),
    ("predict narrow 1.png", "does not belong to the model.json beside it: '2.weight' has the"),
    ("predict renumbered 1.png", "does not belong to the model.json beside it: '2.bias' is not"),
    ("predict shapeless 1.png", "shapeless does not say what inputs its model takes"),
    ("predict nameless 1.png", "nameless does not say what the outputs of its model mean"),
    # The inputs.
    ("predict good nosuch.png", "nosuch.png: there is no such image file"),
    ("predict good nosuch.csv", "nosuch.csv: there is no such file"),
    ("predict good big.png", "big.png is 28x28, the model takes 8x8 ... pass --resize"),
    ("predict good text.png", "text.png is not an image that can be read"),
    ("predict good cut.png", "cut.png is damaged and cannot be decoded"),
    ("predict good pets.csv", "pets.csv does not hold images: columns pixel0, pixel1"),
    (
        "predict good kaggle5.csv",
        "kaggle5.csv has rows of shape (1, 5, 5), the model takes (1, 8, 8)",
    ),
    ("predict good 1.png kaggle5.csv", "kaggle5.csv has rows of shape (1, 5, 5), the model takes"),
    ("predict good kaggle8.csv --invert", "--resize and --invert apply to image files only"),
    ("predict table 1.png", "1.png: the model takes rows of a table, not images; give a CSV file"),
    ("predict table lacking.csv", "lacking.csv: there is no column 'age', which the model needs"),
    ("predict table header.csv", "header.csv has column names but no rows below them"),
]


@pytest.fixture(scope="module")
def field(tmp_path_factory, trained):
    """A folder with everything in it that the tables speak of."""
    here = tmp_path_factory.mktemp("field")
    write_data(here)
    write_models(here, trained("digits"), trained("pets"))
    return here


def write_data(here):
    texts = {
        "notes.md": "# a diary\n",
        "ragged.csv": "weight,age,kind\n4,7,cat\n5,cat\n",
        "word.csv": "weight,age,kind\n4,7,cat\n5,3,dog\n6,old,cat\n",
        "prose.csv": "said,kind\n" + "".join(f"he said {k},{k % 2}\n" for k in range(30)),
        "untold.csv": "weight,age,kind\n4,7,\n5,3,NA\n6,2,?\n",
        "alike.csv": "age,kind\n4,cat\n4,dog\n4,cat\n4,dog\n",
        "same.csv": "weight,age,kind\n4,7,cat\n5,3,cat\n",
        "nothing.csv": "",
        "header.csv": "weight,age,kind\n",
        "bare.csv": "1,2,3\n4,5,6\n",
        "few.csv": "weight,kind\n1,cat\n2,dog\n3,cat\n",
        "lacking.csv": "weight,length\n1,2\n",
        "text.png": "not a picture",
    }
    for name, text in texts.items():
        (here / name).write_text(text)
    (here / "latin.csv").write_bytes("weight,kind\n4,caf\xe9\n".encode("latin-1"))
    material.pets(here / "pets.csv")
    material.kaggle(here / "label12.csv", label=12)
    material.kaggle(here / "pixel300.csv", pixel=300)
    for side in (5, 8):
        names = [f"pixel{k}" for k in range(side * side)]
        row = ["7"] * len(names)
        (here / f"kaggle{side}.csv").write_text(f"{','.join(names)}\n{','.join(row)}\n")

    Image.new("L", (8, 8)).save(here / "1.png")
    Image.new("L", (28, 28)).save(here / "big.png")
    material.shapes(here / "shapes", size=28)
    whole = (here / "shapes" / "dark" / "1.png").read_bytes()
    (here / "cut.png").write_bytes(whole[: len(whole) // 2])
    (here / "nobody").mkdir()
    (here / "flat").mkdir()
    shutil.copy(here / "1.png", here / "flat")
    for name in ("hollow", "single", "truncated", "renamed"):
        shutil.copytree(here / "shapes", here / name)
    shutil.rmtree(here / "hollow" / "bright")
    (here / "hollow" / "bright").mkdir()
    shutil.rmtree(here / "single" / "dark")
    shutil.copy(here / "cut.png", here / "truncated" / "dark" / "0.png")
    shutil.copy(here / "text.png", here / "renamed" / "dark" / "0.png")

    material.mnist(here / "label11", labels=(5, 11, 4))
    material.mnist(here / "repacked", suffix=".gz")
    broken = material.mnist(here / "corrupt", suffix=".gz") / "t10k-images-idx3-ubyte.gz"
    broken.write_bytes(broken.read_bytes()[:-5] + b"wrong")
    short = material.mnist(here / "cut") / "train-images-idx3-ubyte"
    short.write_bytes(short.read_bytes()[:1000])
    (material.mnist(here / "three") / "t10k-labels-idx1-ubyte").unlink()


def write_models(here, images, table):
    """Copy the model of images and spoil each copy in one way."""
    shutil.copytree(images, here / "good")
    shutil.copytree(table, here / "table")

    def spoiled(name, change):
        shutil.copytree(images, here / name, dirs_exist_ok=True)
        description = here / name / "model.json"
        info = json.loads(description.read_text())
        changed = change(info, info["model"]["modules"])
        description.write_text(json.dumps(info if changed is None else changed))

    def nested(info, layers):
        for _ in range(100):
            layers["2"] = {"type": "Sequential", "modules": {"0": layers["2"]}}

    linear = {"type": "Linear", "in_features": 2, "out_features": 2, "bias": True}
    square = {"type": "LayerNorm", "normalized_shape": [60000, 60000]}
    spoiled("format9", lambda info, layers: info.update(format=9))
    spoiled("listed", lambda info, layers: [info])
    spoiled("unknown", lambda info, layers: layers["2"].update(type="Linnear"))
    spoiled("class", lambda info, layers: layers["2"].update(type="__class__"))
    spoiled("named", lambda info, layers: layers.update(__class__=linear))
    spoiled("method", lambda info, layers: layers.update(forward={"type": "Identity"}))
    spoiled("giant", lambda info, layers: layers["2"].update(out_features=10**12))
    spoiled("wide", lambda info, layers: layers["2"].update(out_features=60000))
    spoiled("square", lambda info, layers: layers.update({"2": square}))
    spoiled("deep", nested)
    spoiled("narrow", lambda info, layers: layers["2"].update(out_features=16))
    spoiled("renumbered", lambda info, layers: layers.update({"9": layers.pop("2")}))
    spoiled("shapeless", lambda info, layers: info.update(shape="8x8"))
    spoiled("nameless", lambda info, layers: info.update(classes=["cat", "dog"]))
    for name in ("halved", "huge", "weightless", "cut", "text"):
        shutil.copytree(images, here / name, dirs_exist_ok=True)
    weights = here / "halved" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    material.claim_of_a_huge_shape(here / "huge" / "model.safetensors")
    (here / "weightless" / "model.safetensors").unlink()
    description = here / "cut" / "model.json"
    description.write_text(description.read_text()[:300])
    (here / "text" / "model.json").write_text("hello")


def everything_in(folder):
    """Every file and folder, with what would change if it were written to."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def is_refusal(code, err, wanted):
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("..."))
    assert re.search(pattern, err), f"{err!r} does not say {wanted!r}"


def rows(table):
    return [pytest.param(*row, id=row[0].replace("/", " ")) for row in table]


@pytest.mark.parametrize(("line", "wanted"), rows([*DATA, *OPTIONS, *PREDICTIONS]))
def test_refused_before_anything_is_done(chainrule, field, monkeypatch, line, wanted):
    monkeypatch.chdir(field)
    before = everything_in(field)
    ended = chainrule(line)
    is_refusal(ended.code, ended.err, wanted)
    assert not ended.out
    assert everything_in(field) == before


@pytest.mark.parametrize(("line", "wanted"), rows(TRAINING))
@pytest.mark.parametrize("out", ["", "--out new/place", "--out nobody"])
def test_refused_while_it_trains(chainrule, field, monkeypatch, line, out, wanted):
    monkeypatch.chdir(field)
    before = {path.name for path in field.rglob("*")}
    ended = chainrule(f"{line} {out}")
    is_refusal(ended.code, ended.err, wanted)
    assert {path.name for path in field.rglob("*")} == before


def test_a_failure_leaves_the_run_that_it_was_to_replace(chainrule, trained, tmp_path):
    shutil.copytree(trained("pets"), tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    ended = chainrule("train moons --model mlp --lr 1e6 --optimizer sgd --out run --overwrite")
    is_refusal(ended.code, ended.err, "the loss became")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_a_failure_leaves_the_runs_beside_it(chainrule, tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert chainrule("train moons --model mlp --lr 1e6 --optimizer sgd").code == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", "mine"]


@pytest.mark.parametrize(
    ("line", "wanted"), rows([DATA[4], OPTIONS[-6], PREDICTIONS[3], TRAINING[0]])
)
def test_as_a_process_of_its_own(field, line, wanted):
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "chainrule.cli", *line.split()],
        cwd=field,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    is_refusal(ended.returncode, ended.stderr, wanted)
    assert not (field / "runs").exists()


def test_what_is_noted_with_an_error_is_shown_above_it(chainrule, monkeypatch):
    def failing(*_, **__):
        error = DataError("no good")
        error.add_note("\nlayer   output\n0\x1b[31m  fails here")
        raise error

    monkeypatch.setattr("chainrule.cli.loading.load", failing)
    ended = chainrule("train moons")
    assert ended.code == 2
    assert ended.err == "\nlayer   output\n0?[31m  fails here\nerror: no good\n"
