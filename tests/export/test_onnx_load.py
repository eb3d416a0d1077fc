"""Files of other libraries as modules: what they compute, their weights, and training them on."""

from __future__ import annotations

import contextlib
import copy
import io

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import CallError, DataError, ShapeError
from chainrule.export.onnx.reading import files
from export.onnx_judge import agree, answers, ours

onnx = pytest.importorskip("onnx")
helper, numpy_helper, P = onnx.helper, onnx.numpy_helper, onnx.TensorProto


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model_of(nodes, inputs, outputs, weights=(), opset=17, **more):
    """A file of nodes (kind, inputs, outputs, attributes)."""
    graph = helper.make_graph(
        [
            helper.make_node(kind, i.split(), o.split(), **attrs) if isinstance(i, str)
            else helper.make_node(kind, i, o, **attrs)
            for kind, i, o, attrs in nodes
        ],
        "graph",
        [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [helper.make_tensor_value_info(n, P.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in dict(weights).items()],
    )  # fmt: skip
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more
    ).SerializeToString()


def convolutional():
    """As PyTorch writes such a network: dotted names, shapes computed from the input's."""
    weights = {
        "features.0.weight": drawn(4, 1, 3, 3), "features.0.bias": drawn(4, seed=1),
        "features.1.weight": np.ones(4, np.float32), "features.1.bias": np.zeros(4, np.float32),
        "features.1.running_mean": drawn(4, seed=2), "features.1.running_var": np.full(4, 2, "f4"),
        "onnx::Gemm_30": drawn(3, 36, seed=3), "classifier.bias": drawn(3, seed=4),
        "zero": np.array(0), "minus": np.array([-1]), "first": np.array([0]),
    }  # fmt: skip
    nodes = [
        ("Conv", "x features.0.weight features.0.bias", "a", {"kernel_shape": [3, 3]}),
        ("BatchNormalization", "a features.1.weight features.1.bias features.1.running_mean "
         "features.1.running_var", "b", {}),
        ("Relu", "b", "c", {}),
        ("MaxPool", "c", "d", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Shape", "d", "s", {}),
        ("Gather", "s zero", "n", {"axis": 0}),
        ("Unsqueeze", "n first", "n1", {}),
        ("Concat", "n1 minus", "to", {"axis": 0}),
        ("Reshape", "d to", "e", {}),
        ("Gemm", "e onnx::Gemm_30 classifier.bias", "y", {"transB": 1}),
    ]  # fmt: skip
    return model_of(nodes, [("x", P.FLOAT, ["N", 1, 8, 8])], ["y"], weights)


# --- as a module --------------------------------------------------------------------------------


def test_weights_have_the_names_of_the_file():
    network = cr.onnx.load(convolutional())
    assert {name for name, _ in network.named_parameters()} == {
        "features.0.weight", "features.0.bias", "features.1.weight", "features.1.bias",
        "onnx::Gemm_30", "classifier.bias",
    }  # fmt: skip
    assert [n for n, _ in network.named_buffers()] == [
        "features.1.running_mean", "features.1.running_var",
    ]  # fmt: skip
    for n in (1, 3):
        x = drawn(n, 1, 8, 8)
        agree(ours(network, [x]), answers(convolutional(), [x]))


def test_a_loaded_network_is_trained_on():
    network = cr.onnx.load(convolutional())
    x, labels = cr.from_numpy(drawn(16, 1, 8, 8)), cr.from_numpy(np.arange(16) % 3)
    optimizer = cr.optim.Adam(network.parameters(), lr=0.03)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None for p in network.parameters())
    assert losses[-1] < losses[0] / 4


def test_gradients_are_those_of_the_network_that_was_exported():
    cr.manual_seed(0)
    model = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2)).eval()
    file = io.BytesIO()
    cr.onnx.export(model, cr.zeros(1, 4), file)
    loaded = cr.onnx.load(file.getvalue())
    x = cr.from_numpy(drawn(5, 4))
    for network in (model, loaded):
        (network(x) ** 2).sum().backward()
    expected = dict(model.named_parameters())
    found = dict(loaded.named_parameters())
    assert found.keys() == expected.keys()
    for name, p in expected.items():
        assert p.grad is not None
        np.testing.assert_allclose(found[name].grad.numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_recurrent_weights_keep_names_and_gradients():
    cr.manual_seed(0)
    model = nn.LSTM(4, 3, batch_first=True).eval()
    file = io.BytesIO()
    cr.onnx.export(lambda x: model(x)[0], cr.from_numpy(drawn(2, 5, 4)), file)
    assert list(cr.onnx.load(file.getvalue()).state_dict()) == []  # a function has no names
    file = io.BytesIO()
    cr.onnx.export(model, cr.from_numpy(drawn(2, 5, 4)), file)
    loaded = cr.onnx.load(file.getvalue())
    assert {*loaded.state_dict()} == {*model.state_dict()}
    x = cr.from_numpy(drawn(3, 5, 4))
    for network in (model, loaded):
        network(x)[0].sum().backward()
    np.testing.assert_allclose(
        loaded.weight_hh_l0.grad.numpy(), model.weight_hh_l0.grad.numpy(), atol=1e-5
    )


def test_it_is_a_module_like_any_other(tmp_path):
    network = cr.onnx.load(convolutional())
    x = drawn(2, 1, 8, 8)
    expected = ours(network, [x])
    agree(ours(copy.deepcopy(network), [x]), expected)
    cr.save(network.state_dict(), tmp_path / "weights.safetensors")
    again = cr.onnx.load(convolutional())
    for p in again.parameters():
        p.requires_grad_(False).zero_()
    again.load_state_dict(cr.load(tmp_path / "weights.safetensors"))
    agree(ours(again, [x]), expected)
    assert "features.0.weight" in network.state_dict()
    assert "10 nodes, x: float32[?, 1, 8, 8]" in repr(network)


def test_it_is_exported_again():
    network = cr.onnx.load(convolutional())
    file = io.BytesIO()
    cr.onnx.export(network, cr.from_numpy(drawn(2, 1, 8, 8)), file)
    for n in (1, 5):
        x = drawn(n, 1, 8, 8)
        agree(answers(file.getvalue(), [x]), ours(network, [x]))


def test_a_step_on_it_is_compiled():
    network = cr.onnx.load(convolutional())
    optimizer = cr.optim.SGD(network.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = cr.from_numpy(drawn(6, 1, 8, 8)), cr.from_numpy(np.arange(6) % 3)
    compiled = cr.compile(step)
    losses = [compiled(x, y).item() for _ in range(5)]
    fresh = cr.onnx.load(convolutional())
    network.load_state_dict(fresh.state_dict())
    assert [round(step(x, y).item(), 4) for _ in range(5)] == [round(v, 4) for v in losses]


@pytest.mark.parametrize("torch_layer", ["mlp", "conv", "norms"])
def test_pytorchs_weights_compute_what_pytorch_does(torch, torch_layer):
    """The graph that PyTorch's exporter writes of such layers, written by hand."""
    torch.manual_seed(0)
    made = {
        "mlp": (
            torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)),
            [("Gemm", "x 0.weight 0.bias", "a", {"transB": 1}), ("Tanh", "a", "b", {}),
             ("Gemm", "b 2.weight 2.bias", "y", {"transB": 1})],
            (3, 5),
        ),
        "conv": (
            torch.nn.Sequential(
                torch.nn.Conv2d(2, 4, 3, 2, 1, groups=2), torch.nn.Sigmoid(),
                torch.nn.ConvTranspose2d(4, 2, 3, 2, 1, 1),
            ),
            [("Conv", "x 0.weight 0.bias", "a",
              {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 2}),
             ("Sigmoid", "a", "b", {}),
             ("ConvTranspose", "b 2.weight 2.bias", "y",
              {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]})],
            (3, 2, 8, 6),
        ),
        "norms": (
            torch.nn.Sequential(torch.nn.LayerNorm(6), torch.nn.Softmax(-1)),
            [("LayerNormalization", "x 0.weight 0.bias", "a", {"axis": -1, "epsilon": 1e-5}),
             ("Softmax", "a", "y", {"axis": -1})],
            (3, 4, 6),
        ),
    }  # fmt: skip
    layer, nodes, shape = made[torch_layer]
    weights = {n: p.detach().numpy() for n, p in layer.named_parameters()}
    content = model_of(nodes, [("x", P.FLOAT, [None, *shape[1:]])], ["y"], weights)
    x = drawn(*shape)
    network = cr.onnx.load(content)
    agree(ours(network, [x]), [layer(torch.from_numpy(x)).detach().numpy()])
    assert dict(network.named_parameters()).keys() == weights.keys()


# --- names that are no names --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a..b", ".", "forward", "train.x", "x y/z:0", "signature", "_file"]
)
def test_any_name_of_a_weight_does(name):
    content = model_of(
        [("Add", ["x", name], ["y"], {})], [("x", P.FLOAT, [None])], ["y"], {name: drawn(3)}
    )
    network = cr.onnx.load(content)
    assert len(list(network.parameters())) == 1
    agree(ours(network, [np.zeros(3, "f4")]), [drawn(3)])


def test_names_within_names_do():
    weights = {"a": drawn(3), "a.b": drawn(3, seed=1), "a_b": drawn(3, seed=2)}
    nodes = [("Add", "x a", "u", {}), ("Add", "u a.b", "v", {}), ("Add", "v a_b", "y", {})]
    network = cr.onnx.load(model_of(nodes, [("x", P.FLOAT, [3])], ["y"], weights))
    agree(ours(network, [np.zeros(3, "f4")]), [sum(weights.values())])


# --- inputs -------------------------------------------------------------------------------------


def test_inputs_are_held_against_the_signature():
    network = cr.onnx.load(convolutional())
    with pytest.raises(CallError, match=r"takes 1 inputs \(x\), got 2"):
        network(cr.zeros(1), cr.zeros(1))
    with pytest.raises(DataError, match=r"'x' takes float32, got float64; convert it with .to\("):
        network(cr.zeros(1, 1, 8, 8, dtype=cr.float64))
    with pytest.raises(ShapeError, match=r"takes float32\[\?, 1, 8, 8\], got shape \(1, 1, 9, 9\)"):
        network(cr.zeros(1, 1, 9, 9))


# --- files that nobody vouches for --------------------------------------------------------------


def relu(**more):
    return model_of([("Relu", "x", "y", {})], [("x", P.FLOAT, [None])], ["y"], **more)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no graph"),
        (b"\x93NUMPY\x01\x00v\x00", "not an ONNX file"),
        (b"\xff" * 100, "not an ONNX file"),
        (relu()[:20], "not an ONNX file"),
        (relu(opset=6), "version 6 of ONNX's operators; versions 7 to"),
        (relu(opset=99), "version 99"),
        (model_of([("Nonesuch", "x", "y", {})], [("x", P.FLOAT, [1])], ["y"]),
         r"node 'y' \(Nonesuch\) is an operator that is not supported"),
        (model_of([("Relu", "x", "y", {"domain": "com.example"})], [("x", P.FLOAT, [1])], ["y"]),
         "is of the domain 'com.example'"),
        (model_of([("Relu", "z", "y", {})], [("x", P.FLOAT, [1])], ["y"]),
         "reads 'z', which nothing before it makes"),
        (model_of([("Add", "x b", "a", {}), ("Relu", "a", "b", {})], [("x", P.FLOAT, [1])], ["b"]),
         "reads 'b', which nothing before it makes: it is missing, or the graph goes in a circle"),
        (model_of([("Relu", "x", "x", {})], [("x", P.FLOAT, [1])], ["x"]), "there already"),
        (model_of([("Relu", "x", "y", {})], [("x", P.FLOAT, [1])], ["q"]),
         "nothing makes the output 'q'"),
        (model_of([("Relu", "x", "y", {})], [("x", P.STRING, [1])], ["y"]), "elements of kind 8"),
    ],
    ids=lambda v: "file" if isinstance(v, bytes) else v,
)  # fmt: skip
def test_what_is_no_network_is_refused_in_a_sentence(content, sentence):
    with pytest.raises(DataError, match=sentence):
        cr.onnx.load(content)


def with_weight(**changes):
    """A file with one weight that is not what it says."""
    model = onnx.load_from_string(
        model_of([("Add", "x w", "y", {})], [("x", P.FLOAT, [None])], ["y"], {"w": drawn(3)})
    )
    tensor = model.graph.initializer[0]
    for name, value in changes.items():
        if name == "dims":
            del tensor.dims[:]
            tensor.dims.extend(value)
        elif name == "external":
            tensor.ClearField("raw_data")
            tensor.data_location = P.EXTERNAL
            for key, entry in value.items():
                tensor.external_data.add(key=key, value=entry)
        else:
            setattr(tensor, name, value)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dims": [4]}, "'w' has 12 bytes, and not those of shape"),
        ({"dims": [2**40, 2**30]}, "shape .*, which no file holds"),
        ({"dims": [-1]}, "which no file holds"),
        ({"data_type": 17}, "elements of kind 17"),
        ({"data_type": P.STRING}, "elements of kind 8"),
        ({"raw_data": b"123"}, "'w' has 3 bytes"),
        ({"external": {"location": "w.bin"}}, "in another file; load the model by its path"),
    ],
)
def test_weights_are_held_against_their_bytes(changes, sentence):
    with pytest.raises(DataError, match=sentence):
        cr.onnx.load(with_weight(**changes))


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({"location": "../secret.bin"}, "not in the model's folder"),
        ({"location": "/etc/passwd"}, "not in the model's folder"),
        ({"location": "link.bin"}, "not in the model's folder"),
        ({"location": "missing.bin"}, "not in the model's folder"),
        ({"location": "w.bin", "offset": "8"}, "has 4 bytes, and not those"),
        ({"location": "w.bin", "offset": "-8"}, "where its file has no bytes"),
        ({"location": "w.bin", "length": "99"}, "where its file has no bytes"),
        ({"location": "w.bin", "offset": "x"}, "a place that is no number"),
    ],
)
def test_other_files_are_read_in_the_folder_alone(tmp_path, where, sentence):
    folder = tmp_path / "model"
    folder.mkdir()
    for path in (tmp_path / "secret.bin", folder / "w.bin"):
        path.write_bytes(drawn(3).tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    path = folder / "model.onnx"
    path.write_bytes(with_weight(external=where))
    with pytest.raises(DataError, match=sentence):
        cr.onnx.load(path)
    path.write_bytes(with_weight(external={"location": "w.bin"}))
    agree(ours(cr.onnx.load(path), [np.zeros(3, "f4")]), [drawn(3)])


@pytest.mark.parametrize(
    ("kind", "numbers", "attrs"),
    [
        ("Expand", [2**40, 2**20], {}),
        ("Tile", [2**40], {}),
        ("Pad", [2**40, 0], {}),
        ("Reshape", [-7], {}),
        ("ConstantOfShape", [2**40], {}),
        ("Upsample", [1e12], {}),
    ],
)
def test_memory_is_not_taken_for_a_few_numbers(kind, numbers, attrs):
    array = np.array(numbers, np.float32 if kind == "Upsample" else np.int64)
    names = "n" if kind == "ConstantOfShape" else "x n"
    opset = 9 if kind == "Upsample" else 17
    content = model_of(
        [(kind, names, "y", attrs)], [("x", P.FLOAT, [1])], ["y"], {"n": array}, opset=opset
    )
    with pytest.raises(DataError, match=rf"OnnxGraph: node 'y' \({kind}\)"):
        cr.onnx.load(content)(cr.zeros(1))


def test_a_range_without_end_is_refused():
    weights = {"a": np.array(0.0, "f4"), "b": np.array(np.inf, "f4"), "c": np.array(1.0, "f4")}
    nodes = [("Range", "a b c", "y", {})]
    with pytest.raises(DataError, match="counts without end"):
        cr.onnx.load(model_of(nodes, [("x", P.FLOAT, [1])], ["y"], weights))(cr.zeros(1))


def test_a_node_that_does_not_fit_is_named():
    nodes = [("MatMul", "x w", "y", {})]
    content = model_of(nodes, [("x", P.FLOAT, None)], ["y"], {"w": drawn(3, 2)})
    with pytest.raises(DataError, match=r"node 'y' \(MatMul\)"):
        cr.onnx.load(content)(cr.zeros(2, 5))


def test_damaged_files_give_sentences():
    content, rng = bytearray(convolutional()), np.random.default_rng(0)
    x = cr.zeros(1, 1, 8, 8)
    for _ in range(300):
        damaged = content.copy()
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(DataError, ShapeError, CallError):
            cr.onnx.load(bytes(damaged))(x)


def test_files_that_are_too_large_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(relu())
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    with pytest.raises(DataError, match="more than the 10 bytes"):
        cr.onnx.load(path)
    with pytest.raises(DataError, match="at most 10 bytes"):
        cr.onnx.load(io.BytesIO(relu()))


def test_functions_of_a_file_are_written_out():
    """As newer exporters write them."""
    inner = helper.make_function(
        "local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="local")], "graph",
        [helper.make_tensor_value_info("x", P.FLOAT, [2])],
        [helper.make_tensor_value_info("y", P.FLOAT, [2])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    made = helper.make_model(graph, opset_imports=opsets, functions=[inner], ir_version=8)
    network = cr.onnx.load(made.SerializeToString())
    assert network(cr.ones(2)).tolist() == [2.0, 2.0]
