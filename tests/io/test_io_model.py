"""Models in folders: every layer described and rebuilt to the bit, and no description believed."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule
from chainrule import nn
from chainrule.autograd import from_numpy
from chainrule.errors import ChainruleError, DataError
from chainrule.io import architecture, load, load_model, save, save_model
from chainrule.io.architecture import build, describe
from chainrule.nn import functional as F
from chainrule.train import fit, predict
from nn.rows_windows import WINDOWS


def numbers(*shape):
    return from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))


class Row:
    """A layer with its arguments, and an input for it."""

    def __init__(self, kind, *arguments, x=None, **named):
        self.kind, self.arguments, self.named = kind, arguments, named
        self.x = numbers(4, 3) if x is None else x

    def __repr__(self):
        given = [*map(repr, self.arguments), *(f"{k}={v!r}" for k, v in self.named.items())]
        return f"{self.kind}({', '.join(given)})"

    def made(self):
        return getattr(nn, self.kind)(*self.arguments, **self.named)


class Several(tuple):
    """The inputs of a layer that takes more than one."""

    def __new__(cls, *inputs):
        return super().__new__(cls, inputs)


IMAGES = numbers(2, 4, 9, 8)
LAYERS = [
    Row("BatchNorm1d", 3),
    Row("BatchNorm1d", 3, eps=0.1, momentum=None, affine=False),
    Row("BatchNorm1d", 3, track_running_stats=False),
    Row("BatchNorm2d", 4, momentum=0.3, x=IMAGES),
    Row("SyncBatchNorm", 4, momentum=0.3, x=IMAGES),
    Row("LayerNorm", 3),
    Row("LayerNorm", (4, 3), eps=0.1, bias=False),
    Row("LayerNorm", (4, 3), elementwise_affine=False),
    Row("Dropout"),
    Row("Dropout", p=1, inplace=True),
    Row("Linear", 3, 5),
    Row("Linear", np.int64(3), np.int32(5), bias=False),
    Row("Conv2d", 4, 6, 3, x=IMAGES),
    Row("Conv2d", 4, 6, (3, 2), (2, 1), padding=(1, 0), dilation=2, groups=2, bias=False, x=IMAGES),
    Row("Conv2d", 4, 6, 3, padding="same", x=IMAGES),
    Row("Conv2d", 4, 6, 3, padding="valid", x=IMAGES),
    Row("Embedding", 5, 3, x=from_numpy(np.array([[0, 4], [1, 1]]))),
    Row("Embedding", 5, 3, padding_idx=-2, x=from_numpy(np.array([3, 4]))),
    Row("Flatten", x=IMAGES),
    Row("Flatten", 0, -2, x=IMAGES),
    Row("Identity"),
    Row("Columns", [0, 3, 0], [True, False, False], [0, 2, 0], x=from_numpy(np.eye(3))),
    Row("Normalize", 0.1, 3.0),
    Row("Normalize", [0.1, 0.2, 1e-30], [1.0, 1e30, 1 / 3]),
    Row("Normalize", np.float64(0.1), np.array(2), x=from_numpy(np.arange(6))),
    Row("MaxPool2d", 2, x=IMAGES),
    Row("MaxPool2d", (3, 2), stride=1, padding=1, dilation=2, x=IMAGES),
    Row("AvgPool2d", 2, x=IMAGES),
    Row("AvgPool2d", (3, 2), 1, (1, 1), count_include_pad=False, x=IMAGES),
    Row("ReLU"),
    Row("ReLU", inplace=True),
    Row("LeakyReLU", 0.2),
    Row("ELU", 0.5),
    Row("ELU", 2, inplace=True),
    Row("GELU"),
    Row("GELU", approximate="tanh"),
    Row("SiLU"),
    Row("Sigmoid"),
    Row("Tanh"),
    Row("Softplus", 2.0, threshold=1.0),
    Row("Softmax", dim=0),
    Row("Softmax"),
    Row("LogSoftmax", 1),
    Row("Softmin", 1),
    Row("Softmax2d", x=IMAGES),
    Row("GLU", 0),
    Row("PReLU", 3, 0.5),
    Row("RReLU", 0.1, 0.3),
    Row("Threshold", 0.1, -2.0),
    Row("Hardtanh", -0.5, 0.5),
    Row("Hardtanh", max_value=2.0),
    *(Row(kind) for kind in ("ReLU6", "SELU", "Mish", "LogSigmoid", "Hardsigmoid", "Hardswish")),
    *(Row(kind) for kind in ("CELU", "Softsign", "Tanhshrink", "Hardshrink", "Softshrink")),
    Row("Embedding", 5, 3, max_norm=1.0, norm_type=1.0, x=from_numpy(np.array([3, 4]))),
    Row("EmbeddingBag", 5, 3, mode="sum", padding_idx=1, x=from_numpy(np.array([[3, 1]]))),
    Row("RNN", 3, 4, nonlinearity="relu"),
    Row("LSTM", 3, 4, 2, bias=False, bidirectional=True, proj_size=2),
    Row("GRU", 3, 4, batch_first=True),
    *(Row(kind, 3, 4) for kind in ("RNNCell", "LSTMCell", "GRUCell")),
    Row("Bilinear", 3, 3, 2, x=Several(numbers(4, 3), numbers(4, 3))),
    Row("CosineSimilarity", x=Several(numbers(4, 3), numbers(4, 3))),
    Row("PairwiseDistance", 1.0, x=Several(numbers(4, 3), numbers(4, 3))),
    Row("MultiheadAttention", 4, 2, x=Several(*[numbers(5, 2, 4)] * 3)),
    Row("MultiheadAttention", 4, 2, kdim=4, vdim=3, bias=False, add_bias_kv=True,
        x=Several(numbers(5, 2, 4), numbers(6, 2, 4), numbers(6, 2, 3))),
    Row("CrossMapLRN2d", 3, 0.5, x=IMAGES),
    # As many windows as there is room for: nothing is left to chance.
    Row("FractionalMaxPool2d", 2, output_size=(8, 7), x=IMAGES),
    Row("FractionalMaxPool3d", 2, output_size=(3, 8, 7), x=IMAGES),
    Row("MaxUnpool1d", 2, x=Several(*F.max_pool1d(numbers(2, 3, 4), 2, return_indices=True))),
    Row("MaxUnpool2d", 2, x=Several(*F.max_pool2d(numbers(3, 4, 4), 2, return_indices=True))),
    Row("MaxUnpool3d", 2, x=Several(*F.max_pool3d(numbers(3, 4, 4, 2), 2, return_indices=True))),
]  # fmt: skip
LAYERS += [
    Row(row.kind, *row.args, x=numbers(*row.inputs[0](row.rng()).shape), **row.options)
    for row in WINDOWS
]


@pytest.fixture
def there_and_back(tmp_path):
    """Save a module and load it."""

    def through(module):
        save(module, tmp_path / "model")
        return load(tmp_path / "model")

    return through


def same(one, other, x):
    """Whether two modules give the same bits, in use."""
    xs = x if isinstance(x, Several) else (x,)
    for expected, found in zip(tensors(one.eval()(*xs)), tensors(other(*xs)), strict=True):
        assert expected.dtype == found.dtype
        np.testing.assert_array_equal(expected.detach(), found.detach())


def tensors(y):
    """All tensors in nested tuples."""
    return [t for part in y for t in tensors(part)] if isinstance(y, tuple) else [y]


@pytest.mark.parametrize("row", LAYERS, ids=repr)
def test_layers(row, there_and_back):
    layer = row.made()
    if "Norm" in row.kind and row.kind != "Normalize":
        layer(row.x * 3 + 1)  # moves the statistics
    back = there_and_back(layer)
    assert type(back) is type(layer)
    assert repr(back) == repr(layer)
    assert not back.training
    assert list(back.state_dict()) == list(layer.state_dict())
    same(layer, back, row.x)


APART = ("Transformer", "Module", "Parameter", "Lazy", "Uninitialized")


def test_there_is_a_row_for_every_layer():
    """One that is added to nn is added here: layers keep their arguments as attributes."""
    assert set(architecture._LAYERS) == {row.kind for row in LAYERS}
    # Those that hold modules or functions, and what is no layer.
    kinds = {n for n in nn.__all__ if "Loss" not in n and isinstance(getattr(nn, n), type)}
    rest = kinds - set(architecture._LAYERS)
    rest = {name for name in rest if not name.startswith(APART)}
    assert rest == {"Buffer", "DataParallel", "Ensemble", "RNNBase", "RNNCellBase", "Sequential"}


def test_defaults_may_be_left_out():
    assert repr(build({"type": "Linear", "in_features": 2, "out_features": 3}, 9)) == repr(
        nn.Linear(2, 3)
    )


# --- networks -----------------------------------------------------------------------------------


def shared():
    relu, layer = nn.ReLU(), nn.Linear(3, 3)
    return nn.Sequential(layer, relu, nn.Linear(3, 3), relu, layer)


NETWORKS = {
    "sequential": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 4)), nn.Sequential(), nn.ReLU()),
    "named": lambda: nn.Sequential({"fc 1": nn.Linear(3, 4), "é": nn.ReLU(), "9": nn.Tanh()}),
    "shared": shared,
    "double": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double(),
    "half": lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU()).to(np.float16),
    "empty": nn.Sequential,
    "ensemble": lambda: nn.Ensemble([nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 4), nn.ReLU())]),
    "ensemble of numbers": lambda: nn.Ensemble([nn.Linear(3, 1), nn.Linear(3, 1)], "values"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, there_and_back):
    model = NETWORKS[name]()
    for p in model.parameters():  # numbers that float32 has not, where the parameter is double
        p.data.copy_(p.data + 1e-9)
    back = there_and_back(model)
    assert repr(back) == repr(model)
    dtype = next((p.dtype for p in model.parameters()), np.float32)
    same(model, back, numbers(4, 3).to(dtype))


def test_a_list_of_modules(there_and_back):
    back = there_and_back(nn.ModuleList([nn.Linear(3, 4), nn.ReLU()]))
    assert repr(back[0]) == repr(nn.Linear(3, 4))


def test_a_trained_model_and_going_on_with_it(tmp_path):
    x, y = numbers(40, 3), (np.arange(40) % 2)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    fit(model, (x, y), epochs=3, progress=False)
    save(model, tmp_path / "run")
    back = chainrule.load(tmp_path / "run")
    np.testing.assert_array_equal(predict(model, x), predict(back, x))
    before = predict(back, x)
    fit(back, (x, y), epochs=1, progress=False)
    assert (predict(back, x) != before).any()
    assert all(p.requires_grad for p in back.parameters())


def test_names_at_the_top_of_the_library(tmp_path):
    chainrule.save(nn.Linear(3, 2), tmp_path / "run")
    assert repr(chainrule.load(str(tmp_path / "run"))) == repr(nn.Linear(3, 2))


def test_what_is_noted_comes_back(tmp_path):
    noted = {"classes": ["été", "[b]"], "levels": 16.0, "test": {"accuracy": 0.1}, "none": None}
    save_model(tmp_path / "a" / "b", nn.Linear(3, 2), noted)
    saved = load_model(tmp_path / "a" / "b")
    assert {name: saved.info[name] for name in noted} == noted
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [
        "model.json",
        "model.safetensors",
    ]


def test_the_same_model_gives_the_same_files(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.Normalize(0.1, 0.2))
    for name in ("a", "b"):
        save(model, tmp_path / name)
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


# --- what cannot be described -------------------------------------------------------------------


class Own(nn.Module):
    """A module of a person's own."""

    def forward(self, x):
        return x


class Linear(nn.Linear):
    """One that has the name of another."""


class Lines(nn.Sequential):
    """A row of a person's own."""


def with_parameter():
    row = nn.Sequential(nn.ReLU())
    row.scale = nn.Parameter(numbers(3))
    return row


def with_other_weight():
    layer = nn.Linear(3, 2)
    layer.weight = nn.Parameter(numbers(5, 3))
    return layer


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Own(), "a Own is not a layer of chainrule.nn, so a file cannot describe it; save its "),
        (nn.Sequential(nn.ReLU(), Own()), "a Own is not a layer"),
        (Linear(3, 2), "a Linear is not a layer of chainrule.nn"),
        (Lines(nn.ReLU()), "a Lines is not a layer"),
        (nn.CrossEntropyLoss(), "a CrossEntropyLoss is not a layer"),
        (with_parameter(), r"do not say all that is in it: 'scale' is not described; save its st"),
        (with_other_weight(), r"all that is in it: 'weight' has the shape \(5, 3\), \(2, 3\) is"),
        (nn.Sequential({"_first": nn.ReLU()}), "'_first' cannot name a module in a description"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_cannot_be_described(tmp_path, module, words):
    with pytest.raises(DataError, match=words):
        save(module, tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_model_in_the_place_of_a_file(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(DataError, match="x cannot be made a folder: File exists; a model is"):
        save(nn.Linear(3, 2), tmp_path / "x")


# --- descriptions from outside ------------------------------------------------------------------

LINEAR = {"type": "Linear", "in_features": 2, "out_features": 3, "bias": True}


def row(name):
    return {"type": "Sequential", "modules": {name: LINEAR}}


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (None, "must name the type of every layer"),
        ([], "must name the type"),
        ({}, "must name the type"),
        ({"type": None}, "must name the type"),
        ({"type": ["Linear"]}, "must name the type"),
        ({"type": "Lnear"}, "unknown layer 'Lnear'; did you mean 'Linear'"),
        ({"type": "Module"}, "unknown layer 'Module'"),
        ({"type": "functional"}, "unknown layer 'functional'"),
        ({"type": "CrossEntropyLoss"}, "unknown layer"),
        ({"type": "__class__"}, "unknown layer '__class__'"),
        ({"type": "os.system"}, "unknown layer 'os.system'"),
        ({"type": "x" * 1000}, "unknown layer 'x{39}$"),
        ({"type": "Sequential"}, "a Sequential in the description must list its modules by name"),
        ({"type": "Sequential", "modules": [LINEAR]}, "must list its modules"),
        ({"type": "Sequential", "modules": {"0": 3}}, "must name the type"),
        # Names of modules, none of which reaches an attribute of the module itself.
        (row("__class__"), "'__class__' cannot name a module"),
        (row("__dict__"), "'__dict__' cannot name a module"),
        (row("_hooks"), "'_hooks' cannot name a module"),
        (row("_buffers"), "'_buffers' cannot name a module"),
        (row("forward"), "cannot be named 'forward'"),
        (row("state_dict"), "cannot be named 'state_dict'"),
        (row("training"), "cannot be named 'training'"),
        (row(""), "cannot be named ''"),
        ({**row("average"), "type": "Ensemble"}, "'average' is an argument of Ensemble"),
        (row("a.b"), "cannot be named 'a.b'"),
        # Arguments.
        ({**LINEAR, "generator": None}, "Linear .* unknown argument 'generator'"),
        ({**LINEAR, "out": 3}, "unknown argument 'out'"),
        ({**LINEAR, "in_features": "2"}, r"Linear.in_features in the description cannot be '2'"),
        ({**LINEAR, "in_features": 2.0}, "cannot be 2.0"),
        ({**LINEAR, "in_features": True}, "cannot be True"),
        ({**LINEAR, "in_features": None}, "cannot be None"),
        ({**LINEAR, "in_features": [2]}, r"cannot be \[2\]"),
        ({**LINEAR, "in_features": {"a": 1}}, "cannot be {'a': 1}"),
        ({**LINEAR, "in_features": float("nan")}, "cannot be nan"),
        ({**LINEAR, "in_features": -1}, "in_features must be at least 1, got -1"),
        ({**LINEAR, "bias": "yes"}, "Linear.bias in the description cannot be 'yes'"),
        ({"type": "Linear", "out_features": 3}, "missing 1 required positional argument"),
        ({"type": "Dropout", "p": 7}, "probability must be between 0 and 1, got 7"),
        ({"type": "Normalize", "mean": "abc", "std": 1}, "Normalize.mean .* cannot be 'abc'"),
        ({"type": "Normalize", "mean": [1, "a"], "std": [1, 2]}, r"cannot be \[1, 'a'\]"),
        ({"type": "Normalize", "mean": [[1]], "std": [[1]]}, r"cannot be \[\[1\]\]"),
        ({"type": "Normalize", "mean": 1, "std": 0}, "every std above 0"),
        ({"type": "Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": [1, "a"]}, "Conv2"),
        ({**row("0"), "average": "mode"}, "Sequential .* unknown argument 'average'"),
        ({**row("0"), "type": "Ensemble", "average": "mode"}, "there is no average 'mode'"),
        # Sizes, before memory is taken for them.
        ({**LINEAR, "in_features": 10**30}, "cannot be 1000000000000000000000000000000$"),
        ({**LINEAR, "in_features": 60000}, "more weights than the 9 numbers in the weights file"),
        ({"type": "Embedding", "num_embeddings": 60000, "embedding_dim": 60000}, "more weights"),
        ({"type": "BatchNorm1d", "num_features": 65536}, "more weights"),
        ({"type": "LayerNorm", "normalized_shape": [60000, 60000]}, "LayerNorm.normalized_shape"),
        ({"type": "LayerNorm", "normalized_shape": [2] * 40}, "LayerNorm.normalized_shape"),
        ({"type": "Normalize", "mean": [0] * 99999, "std": [1] * 99999}, "Normalize.mean"),
        ({"type": "Sequential", "modules": {str(k): LINEAR for k in range(2)}}, "more weights"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_descriptions_that_are_not_believed(description, words):
    with pytest.raises(DataError, match=words) as caught:
        build(description, limit=9)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_description_is_not_followed_into_the_depth():
    deep = LINEAR
    for _ in range(400):
        deep = {"type": "Sequential", "modules": {"0": deep}}
    with pytest.raises(DataError, match="nests modules more than 64 deep"):
        build(deep, limit=9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not whole JSON"),
        ("{", "is not whole JSON"),
        ("\xff", "is not whole JSON"),
        ("[" * 100_000, "is not whole JSON"),
        ('{"format": ' + "9" * 10_000 + "}", "is not whole JSON"),
        ("3", "does not describe a model of format 1"),
        ("[]", "does not describe a model of format 1"),
        ("{}", "does not describe a model of format 1"),
        ('{"format": 2}', "does not describe a model of format 1"),
        ('{"format": 1}', "must name the type of every layer"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_model_json_that_is_none(tmp_path, text, words):
    save(nn.Linear(2, 3), tmp_path / "run")
    (tmp_path / "run" / "model.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_model_json_of_enormous_length(tmp_path):
    save(nn.Linear(2, 3), tmp_path / "run")
    with (tmp_path / "run" / "model.json").open("r+b") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    with pytest.raises(DataError, match=r"has 1,099,511,627,776 bytes, too many to describe"):
        load(tmp_path / "run")


@pytest.mark.parametrize("other", [nn.Linear(2, 2), nn.Linear(2, 3, bias=False), nn.Tanh()])
def test_weights_of_another_model(tmp_path, other):
    save(nn.Linear(2, 3), tmp_path / "run")
    save(other, tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "run" / "model.safetensors")
    with pytest.raises(DataError, match="belong to"):
        load(tmp_path / "run")


def test_weights_that_are_integers_are_made_numbers(tmp_path):
    save(nn.Linear(2, 3), tmp_path / "run")
    whole = {"weight": np.arange(6).reshape(3, 2), "bias": np.zeros(3, bool)}
    save(whole, tmp_path / "run" / "model.safetensors")
    model = load(tmp_path / "run")
    assert model.weight.dtype == np.float32
    np.testing.assert_array_equal(model.weight.detach(), whole["weight"])


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([9, 65536, 10**9, 10**30, -(10**30)]),
    st.floats(),
    st.sampled_from(["", "same", "tanh", "0", "__class__", "Linear", "Sequential", "Softmax"]),
    st.lists(st.integers(-1, 3), max_size=3),
    st.just({}),
)


def places(value, path=()):
    """Every path into a description."""
    yield path
    inside = {dict: lambda: value, list: lambda: range(len(value))}.get(type(value), tuple)()
    for key in inside:
        yield from places(value[key], (*path, key))


MODEL = nn.Sequential(
    nn.Normalize([1.0], [2.0]),
    nn.Conv2d(1, 2, 3, padding=1),
    nn.ELU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.LayerNorm(8),
    nn.Dropout(),
    nn.Linear(8, 2),
    nn.Softmax(1),
)
PLACES = [path for path in places(describe(MODEL)) if path]
WEIGHTS = sum(tensor.numel() for tensor in MODEL.state_dict().values())


@given(where=st.sampled_from(PLACES), value=VALUES)
@settings(max_examples=300)
def test_any_one_thing_changed(where, value):
    """Whatever stands in a description: a network that computes, or a sentence."""
    description = json.loads(json.dumps(describe(MODEL)))
    *above, last = where
    inner = description
    for key in above:
        inner = inner[key]
    inner[last] = value
    with suppress(ChainruleError):
        model = build(description, limit=WEIGHTS)
        assert len(predict(model, numbers(2, 1, 4, 4)))
