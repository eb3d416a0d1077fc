"""`chainrule.onnx`: PyTorch's names, what stays open, what goes along, and what is refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, OptionError
from chainrule.export.onnx import model_of
from export.onnx_judge import agree, answers, ours, session

onnx = pytest.importorskip("onnx")


def exported(model, args, **options):
    file = io.BytesIO()
    cr.onnx.export(model, args, file, **options)
    return file.getvalue()


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def digits():
    cr.manual_seed(0)
    return nn.Sequential(
        nn.Normalize(33.0, 78.0), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10),
    ).eval()  # fmt: skip


def raw(n):
    return np.random.default_rng(n).integers(0, 256, (n, 1, 8, 8)).astype(np.uint8)


# --- what is written ----------------------------------------------------------------------------


def test_versions_are_those_that_onnxruntime_reads():
    made = model_of(nn.Linear(3, 2), drawn(1, 3))
    assert made.ir_version == 10
    assert [(o.domain, o.version) for o in made.opset_import] == [("", 20)]
    assert made.producer_name == "chainrule"


@pytest.mark.parametrize("version", [18, 19, 20])
def test_older_operators_do_as_well(version):
    model, x = digits(), raw(3)
    content = exported(model, cr.from_numpy(x), opset_version=version)
    assert onnx.load_from_string(content).opset_import[0].version == version
    agree(answers(content, [x]), ours(model, [x]))


def test_raw_pixels_go_in():
    model = digits()
    content = exported(model, cr.from_numpy(raw(1)), input_names=["image"], output_names=["score"])
    (given,), (told,) = session(content).get_inputs(), session(content).get_outputs()
    assert (given.name, given.type, given.shape) == ("image", "tensor(uint8)", ["batch", 1, 8, 8])
    assert (told.name, told.type, told.shape) == ("score", "tensor(float)", ["batch", 10])
    for n in (1, 3, 7, 0):
        agree(answers(content, [raw(n)]), ours(model, [raw(n)]))


def test_gaps_and_categories_of_a_table_go_in():
    cr.manual_seed(0)
    table = drawn(40, 4)
    table[:, 1] = np.arange(40) % 5
    table[::3, 0] = np.nan
    columns = nn.Columns([0, 5, 0, 0], gaps=[True, False, False, True]).scale(table)
    model = nn.Sequential(columns, nn.Linear(columns.out_features, 8), nn.ReLU(), nn.Linear(8, 1))
    content = exported(model, cr.from_numpy(table[:2]))
    for n in (1, 3, 7, 40):
        agree(answers(content, [table[:n]]), ours(model, [table[:n]]))


def test_probabilities_and_classes():
    model, x = digits(), raw(4)
    names = [f"no. {k}" for k in range(10)]
    content = exported(
        model, cr.from_numpy(x), probabilities=True, classes=names, metadata={"trained": "today"}
    )
    (found,) = answers(content, [x])
    agree([found], ours(lambda v: model(v).softmax(1), [x]))
    entries = session(content).get_modelmeta().custom_metadata_map
    assert json.loads(entries["classes"]) == names
    assert entries["trained"] == "today"
    one = nn.Linear(3, 1)
    found = answers(exported(one, cr.from_numpy(drawn(4, 3)), probabilities=True), [drawn(4, 3)])
    agree(found, ours(lambda v: one(v).sigmoid(), [drawn(4, 3)]))


def test_weights_keep_their_names():
    made = model_of(digits(), raw(1))
    stored = {t.name for t in made.graph.initializer}
    assert {"1.weight", "2.running_var", "6.bias"} <= stored
    assert json.loads(dict_of(made)["chainrule.buffers"]) == [
        "0.mean", "0.std", "2.running_var", "2.running_mean",
    ]  # fmt: skip


def dict_of(made):
    return {p.key: p.value for p in made.metadata_props}


def test_nodes_are_named_after_their_modules():
    made = model_of(digits(), raw(1))
    names = [n.name for n in made.graph.node]
    assert any(n.startswith("/1/Conv") for n in names)
    assert len({*names}) == len(names)


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        (nn.Softmax(-1), ["Softmax"]),
        (nn.LogSoftmax(1), ["LogSoftmax"]),
        (nn.LSTM(3, 2), ["LSTM"]),
        (nn.MultiheadAttention(3, 1), ["Softmax"]),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else v[0],
)
def test_what_has_an_operator_is_one_node(layer, kinds):
    x = cr.from_numpy(drawn(4, 2, 3))
    attends = isinstance(layer, nn.MultiheadAttention)
    made = model_of((lambda v: layer(v, v, v)[0]) if attends else layer, x, dynamic_batch=False)
    found = [node.op_type for node in made.graph.node]
    assert [kind for kind in found if kind in ("Softmax", "LogSoftmax", "LSTM")] == kinds
    assert "Exp" not in found


def test_training_goes_on_as_before():
    model = digits().train()
    exported(model, cr.from_numpy(raw(1)))
    assert model.training
    assert model[2].num_batches_tracked.item() == 0


def test_a_file_at_a_path_is_whole_or_not_there(tmp_path):
    class Drawing(nn.Module):
        def forward(self, x):
            return x + cr.rand(3)

    path = tmp_path / "model.onnx"
    with pytest.raises(DataError, match="random numbers"):
        cr.onnx.export(Drawing(), cr.zeros(1, 3), path)
    assert list(tmp_path.iterdir()) == []
    cr.onnx.export(nn.ReLU(), cr.zeros(1, 3), path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


# --- what stays open ----------------------------------------------------------------------------


def test_time_stays_open():
    """Attention, positions and a causal mask that are made anew for every length."""

    class Letters(nn.Module):
        def __init__(self):
            self.embed, self.place = nn.Embedding(9, 6), nn.Embedding(32, 6)
            self.layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)

        def forward(self, x):
            h = self.embed(x) + self.place(cr.arange(x.shape[1]))
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            return self.layer(h, src_mask=mask)

    cr.manual_seed(0)
    model = Letters().eval()
    x = np.random.default_rng(0).integers(0, 9, (2, 5))
    for options in (
        {"dynamic_axes": {"input": {0: "batch", 1: "time"}}},
        {"dynamic_shapes": ({0: "batch", 1: "time"},)},
        {"dynamic_shapes": {"input": {0: None, 1: None}}},
    ):
        content = exported(model, cr.from_numpy(x), **options)
        for n, t in ((1, 1), (3, 4), (2, 11)):
            tokens = np.random.default_rng(n).integers(0, 9, (n, t))
            agree(answers(content, [tokens]), ours(model, [tokens]))
            agree(ours(cr.onnx.load(content), [tokens]), ours(model, [tokens]), near=1e-6)


def test_two_inputs_of_one_batch():
    def both(a, b):
        return a @ b.mT, (a * b).sum()

    args = cr.from_numpy(drawn(2, 3)), cr.from_numpy(drawn(2, 3, seed=1))
    content = exported(both, args)
    assert [i.name for i in session(content).get_inputs()] == ["input_0", "input_1"]
    for n in (1, 3, 7):
        arrays = [drawn(n, 3), drawn(n, 3, seed=5)]
        agree(answers(content, arrays), ours(both, arrays))


def test_everything_may_be_fixed():
    content = exported(nn.Linear(3, 2), cr.zeros(4, 3), dynamic_batch=False)
    assert session(content).get_inputs()[0].shape == [4, 3]


def test_a_size_may_be_computed_with():
    def scaled(x):
        return (x - x.shape[0]) / (2 * x.shape[0] + 1)

    content = exported(scaled, cr.from_numpy(drawn(2, 2)))
    for n in (1, 3, 7):
        agree(answers(content, [drawn(n, 2)]), ours(scaled, [drawn(n, 2)]))


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x: x.reshape(-1, 2)[: x.shape[0] // 2], r"has sizes such as 1, 1, 2"),
        (lambda x: x * x.shape[0] ** 0.5, "computes with 1.41421356"),
        (lambda x: x if x.shape[0] < 4 else x * 2, "takes other steps"),
        (lambda x: x + cr.rand(1), "random"),
    ],
)
def test_what_cannot_stay_open_is_said(function, sentence):
    with pytest.raises(DataError, match=sentence):
        exported(function, cr.from_numpy(drawn(2, 2)))


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"input_names": ["a", "b"]}, "input_names takes 1 different names"),
        ({"input_names": "x"}, None),
        ({"output_names": ["input"]}, "'input' is that of an input, output or weight"),
        ({"output_names": ["weight"]}, "'weight' is that of an input, output or weight"),
        ({"opset_version": 11}, "opset must be 18 to 20, got 11"),
        ({"dynamic_axes": {"input": {5: "n"}}}, "no axis 5"),
        ({"dynamic_shapes": {"input": 3}}, "dynamic_shapes takes"),
    ],
)
def test_options_that_do_not_fit_are_named(options, sentence):
    with pytest.raises(OptionError, match=sentence or "input_names takes 1"):
        exported(nn.Linear(3, 2), cr.zeros(1, 3), **options)


def test_an_example_is_needed():
    with pytest.raises(OptionError, match="example of each of its inputs, got none"):
        exported(nn.Linear(3, 2), ())
    with pytest.raises(DataError, match="at least one row"):
        exported(nn.Linear(3, 2), cr.zeros(0, 3))


def test_what_is_computed_from_numbers_is_refused():
    with pytest.raises(DataError, match="reads numbers out of a tensor"):
        exported(lambda x: x * 2 if x.sum() > 0 else x, cr.zeros(1, 3))
