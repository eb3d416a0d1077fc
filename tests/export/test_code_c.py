"""Networks in C, compiled as others would, and held against what they compute."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

import chainrule as cr
from chainrule import from_numpy, nn, no_grad
from chainrule.data.tables.recipe import Recipe
from chainrule.errors import DataError, OptionError
from chainrule.export import Field, c_source, fields_of, write_c

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc) is installed")
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"]

MLP = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
CNN = nn.Sequential(
    *(nn.Normalize(0.5, 0.25), nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
    *(nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, groups=2), nn.SiLU(), nn.AvgPool2d(2), nn.Flatten()),
    *(nn.Dropout(0.5), nn.Linear(8, 10)),
)
NETWORKS = {"mlp": MLP, "cnn": CNN}


def images(count):
    return np.random.default_rng(count).random((count, 1, 8, 8), np.float32)


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def compiled(folder, text, name="net", *flags):
    """A library made of the text of a file."""
    source, built = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(text, encoding="ascii")
    run(COMPILER, *STRICT, *flags, "-shared", "-fPIC", source, "-o", built, "-lm")
    return ctypes.CDLL(str(built))


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def answers(library, x, outputs, name="net"):
    y = np.empty((len(x), outputs), x.dtype)
    x = np.ascontiguousarray(x)
    getattr(library, f"{name}_predict_rows")(pointer(x), pointer(y), ctypes.c_size_t(len(x)))
    return y


def given(model, x):
    with no_grad():
        return model.eval()(from_numpy(x)).numpy()


# --- the numbers --------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("name", NETWORKS)
def test_to_a_millionth(name, tmp_path):
    cr.manual_seed(1)
    model, x = NETWORKS[name], images(50)
    expected = given(model, x)
    found = answers(compiled(tmp_path, c_source(model, x[:1], name="net")), x, 10)
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


@needs_compiler
def test_sums_in_single_precision_and_probabilities(tmp_path):
    x = images(20)
    text = c_source(MLP, x[:1], name="net", probabilities=True)
    found = answers(compiled(tmp_path, text, "net", "-DNET_SUM=float"), x, 10)
    expected = cr.softmax(from_numpy(given(MLP, x)), 1).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


@needs_compiler
def test_double_precision(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x = np.random.default_rng(0).normal(size=(10, 3))
    found = answers(compiled(tmp_path, c_source(model, x[:1], name="net")), x, 2)
    np.testing.assert_allclose(found, given(model, x), rtol=0, atol=1e-14)


@needs_compiler
def test_a_table_with_gaps_and_categories(tmp_path):
    cr.manual_seed(2)
    columns = nn.Columns([0, 4, 0, 3], gaps=[True, False, False, False])
    model = nn.Sequential(columns, nn.Linear(columns.out_features, 5), nn.ReLU(), nn.Linear(5, 1))
    x = np.array([[1, 0, 2, 2], [np.nan, 3, -1, 0], [5, 2, 0, 1]], np.float32)
    columns.scale(x)
    library = compiled(tmp_path, c_source(model, x[:1], name="net"))
    np.testing.assert_allclose(answers(library, x, 1), given(model, x), rtol=0, atol=1e-6)
    for code in (4, -9, 1e30, np.nan, np.inf):  # a category that there is none of
        odd = np.array([[1, code, 0, 0]], np.float32)
        assert np.isnan(answers(library, odd, 1)).all()


@needs_compiler
def test_several_inputs_and_outputs(tmp_path):
    model = nn.GRU(3, 4)
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    h = np.ones((1, 2, 4), np.float32)
    library = compiled(tmp_path, c_source(model, x, h, name="net"))
    y, last = np.empty((5, 2, 4), np.float32), np.empty((1, 2, 4), np.float32)
    library.net_predict(*map(pointer, (x, h, y, last)))
    with no_grad():
        expected = [t.numpy() for t in model(from_numpy(x), from_numpy(h))]
    np.testing.assert_allclose(y, expected[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(last, expected[1], rtol=0, atol=1e-6)


@needs_compiler
def test_a_workspace_for_each_thread_gives_the_same(tmp_path):
    library = compiled(tmp_path, c_source(CNN, images(1), name="net"))
    x, y = images(1), np.empty((2, 10), np.float32)
    room = np.zeros(1 << 16)
    library.net_predict_with(pointer(room), pointer(x), pointer(y[0]))
    library.net_predict(pointer(x), pointer(y[1]))
    np.testing.assert_array_equal(y[0], y[1])


# --- nothing outside of its arrays --------------------------------------------------------------

HARNESS = """
int main(void)
{
    static float input[NET_INPUTS], output[NET_OUTPUTS];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < NET_INPUTS; i++) {
            input[i] = k == 2 ? NAN : (float)((i * 37 + k) % 11) / 7;
        }
        net_predict(input, output);
    }
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("name", [*NETWORKS, "lstm", "table", "transformer"])
def test_sanitizers_find_nothing(name, tmp_path):
    others = {
        "lstm": (nn.LSTM(3, 4, batch_first=True), np.zeros((1, 5, 3), np.float32)),
        "table": (nn.Columns([0, 4, 3]), np.zeros((1, 3), np.float32)),
        "transformer": (nn.TransformerEncoderLayer(4, 2, 8), np.zeros((5, 1, 4), np.float32)),
    }
    model, x = others.get(name) or (NETWORKS[name], images(1))
    call = (lambda x: model(x)[0]) if name == "lstm" else model
    text = c_source(call, x, name="net")
    source, program = tmp_path / "net.c", tmp_path / "net"
    source.write_text(text + HARNESS, encoding="ascii")
    sane = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    try:
        run(COMPILER, "-std=c99", "-O1", *sane, source, "-o", program, "-lm")
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    run(program)


# --- the program --------------------------------------------------------------------------------


@needs_compiler
def test_the_program_reads_rows_and_names_classes(tmp_path):
    words = [f'class "{k}" ??/ é' for k in range(10)]
    x = images(4)
    write_c(tmp_path / "my-net.c", MLP, x[:1], classes=words)
    flags = ["-DMY_NET_MAIN", "-o", tmp_path / "net"]
    run(COMPILER, *STRICT, tmp_path / "my-net.c", *flags, "-lm")
    rows = "".join(",".join(map(repr, row.ravel().tolist())) + "\n" for row in x)
    lines = run(tmp_path / "net", input=rows).stdout.splitlines()
    expected = given(MLP, x)
    for line, row in zip(lines, expected, strict=True):
        name, *numbers = line.rsplit(",", 10)
        assert name == words[row.argmax()]
        np.testing.assert_allclose([float(n) for n in numbers], row, rtol=0, atol=1e-6)
    wrong = subprocess.run(
        [tmp_path / "net"], input="1,2\n", capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stderr) == (2, "row 1 needs 64 numbers between commas\n")


@needs_compiler
def test_the_program_reads_a_table_as_it_is(tmp_path):
    raw = {
        "area": ["40", "65", "", "80"],
        "street": ["Elm, St", "High", "Elm, St", 'The "Row"'],
        "garden": ["yes", "no", "yes", "no"],
    }
    recipe = Recipe.of(raw)
    columns = nn.Columns(recipe.sizes, recipe.gaps)
    model = nn.Sequential(columns, nn.Linear(columns.out_features, 1))
    new = {
        "area": ["50", "", "1e2", "70"],
        "street": ["High", "Elm, St", "Broadway", ""],
        "garden": ["YES", "no", "", "n"],
    }
    x = recipe.encode(new)
    write_c(tmp_path / "net.c", model, x[:1], fields=fields_of(recipe))
    run(COMPILER, *STRICT, "-DNET_MAIN", tmp_path / "net.c", "-o", tmp_path / "net", "-lm")
    rows = "area,street,garden\r\n" + "".join(
        f'{a},"{b}", {c} \r\n' for a, b, c in zip(*new.values())
    )
    found = [float(line) for line in run(tmp_path / "net", input=rows).stdout.splitlines()]
    np.testing.assert_allclose(found, given(model, x)[:, 0], rtol=0, atol=1e-5)
    assert '"street", /* 1 = Elm, St, 2 = High' in (tmp_path / "net.c").read_text()


# --- what is written ----------------------------------------------------------------------------


def test_weights_are_exact():
    values = np.array([[0.1, -1 / 3, 1e-42, -0.0, 2.0**100, 7.0]], np.float32)
    layer = nn.Linear(6, 1, bias=False)
    layer.weight.data.copy_(from_numpy(values))
    text = c_source(layer, np.zeros((1, 6), np.float32))
    (row,) = re.findall(r"model_weight\[6\] = \{\n(.*?),\n\};", text)
    found = np.array([float.fromhex(word.removesuffix("f")) for word in row.split(", ")])
    assert found.astype(np.float32).tobytes() == values.tobytes()


def test_names_from_outside_stay_text():
    evil = '*/ "; int x; \\ \n #define y'
    field = Field(evil, {evil: 1}, 0)
    text = c_source(
        nn.Linear(1, 1), np.zeros((1, 1), np.float32), classes=[evil], fields=[field], name="net"
    )
    inside = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)  # without strings
    inside = re.sub(r"/\*.*?\*/", "", inside, flags=re.DOTALL)  # and comments
    assert "int x" not in inside
    assert "define y" not in inside


def test_it_is_the_same_every_time():
    assert c_source(CNN, images(1)) == c_source(CNN, images(1))


def test_the_network_is_left_as_it_is():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    c_source(model, np.zeros((1, 2), np.float32), probabilities=True)
    assert model.training
    assert model[1].training
    for name, t in model.state_dict().items():
        np.testing.assert_array_equal(t.numpy(), before[name])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "9lives"}, "begins with a letter"),
        ({"name": "a-b"}, "begins with a letter"),
        ({"classes": ["a"]}, "2 outputs need as many names of classes, got 1"),
        ({"fields": [Field("a")] * 3}, "2 inputs need as many fields, got 3"),
    ],
)
def test_options_that_do_not_fit(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        c_source(nn.Linear(2, 2), np.zeros((1, 2), np.float32), **options)


def test_what_has_no_c():
    with pytest.raises(DataError, match="the operation digamma cannot be written"):
        c_source(cr.digamma, np.ones((1, 2), np.float32))
    with pytest.raises(DataError, match="C has no numbers of float16"):
        c_source(lambda x: x * 2, np.ones((1, 2), np.float16))


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_c(tmp_path / "no" / "net.c", nn.Linear(2, 2), np.zeros((1, 2), np.float32))
    assert not list(tmp_path.iterdir())
