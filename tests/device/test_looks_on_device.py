"""What looks at networks and tensors takes those on a GPU, and sees what it would at home."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain, nn, testing
from chainrule.autograd import gradcheck, gradgradcheck
from chainrule.distributions import Gamma, Normal
from chainrule.errors import ChainruleError, OptionError
from chainrule.export.c.source import c_source
from chainrule.export.plain import json_text
from chainrule.export.python.source import python_source
from chainrule.export.torch_file import torch_bytes
from chainrule.nn.utils import parametrizations
from chainrule.train import fit
from chainrule.vision import transforms
from chainrule.vision.utils import make_grid, save_image

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
LOSS = nn.CrossEntropyLoss()


def network(where, seed=0):
    """A small one, the same on every device."""
    cr.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).to(where)


def tensors(where):
    """The data as tensors on a device."""
    return cr.tensor(X).to(where), cr.tensor(Y).to(where)


LOOKS = {
    "summary": lambda m, x, y: [explain.summary(m, x).parameters, explain.summary(m, X).forward],
    "equations": lambda m, x, y: str(explain.equations(m, x, y, LOSS)),
    "doctor": lambda m, x, y: str(explain.doctor(m, (x, y))),
    "roc": lambda m, x, y: explain.roc(m, (x, y)).true_positive,
    "calibration": lambda m, x, y: explain.calibration(m, (x, y)).error,
    "confusion": lambda m, x, y: explain.confusion(m, (x, y)).counts,
    "saliency": lambda m, x, y: explain.saliency(m, x).values,
    "integrated": lambda m, x, y: explain.integrated_gradients(m, x).values,
    "importance": lambda m, x, y: list(explain.importance(m, (x, y)).losses.values()),
    "mistakes": lambda m, x, y: str(explain.mistakes(m, (x, y))),
    "weights": lambda m, x, y: str(explain.weights(m)),
    "activations": lambda m, x, y: str(explain.activations(m, x)),
    "gradients": lambda m, x, y: str(explain.gradients(m, x, y)),
    "surface": lambda m, x, y: explain.loss_surface(m, (x, y), points=3).losses,
    "between": lambda m, x, y: explain.between(m, network(m[0].weight.device, 1), (x, y)).losses,
    "plane": lambda m, x, y: explain.embedding_plane(x, y).points,
    "lr_find": lambda m, x, y: explain.lr_find(m, (X, Y), steps=30).losses,
    "trace": lambda m, x, y: [call.made for call in explain.trace(m, x).calls],
    "json": lambda m, x, y: json_text(m),
    "python": lambda m, x, y: python_source(m, x[:1]),
    "c": lambda m, x, y: c_source(m, x[:1]),
    "torch": lambda m, x, y: list(torch_bytes(m.state_dict())),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_that_on_the_processor(gpu, name):
    look = LOOKS[name]
    here, there = network("cpu"), network("cuda")
    held = [p.array for p in there.parameters()]
    expected, found = look(here, *tensors("cpu")), look(there, *tensors("cuda"))
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert all(p.array is array for p, array in zip(there.parameters(), held)), "they came back"


def test_onnx(gpu):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    files = [cr.export.onnx.onnx_bytes(network(d), tensors(d)[0]) for d in ("cpu", "cuda")]
    one, other = map(onnx.load_from_string, files)
    assert one.graph == other.graph


def test_napkin_reckons_for_the_processor_and_says_so(gpu):
    model = network("cuda")
    with pytest.raises(OptionError, match="on a GPU"):
        explain.napkin(lambda x: model(x).sum().backward(), tensors("cuda")[0])


def test_where_a_number_went_wrong_is_found(gpu):
    def step(x):
        return (x.log() * x).sum()

    numbers = [2.0, 0.0]
    here, there = (explain.nan_origin(step, cr.tensor(numbers).to(d)) for d in ("cpu", "cuda"))
    assert str(there).partition(" (")[0] == str(here).partition(" (")[0]
    assert "log(0)" in str(there)


def test_a_loss_that_is_no_number_is_told_with_its_origin(gpu):
    said = []
    for where in ("cpu", "cuda"):
        model = nn.Sequential(nn.Linear(4, 2)).to(where)
        with cr.no_grad():
            model[0].bias[1] = np.nan
        with pytest.raises(ChainruleError) as error:
            fit(model, (X, Y), epochs=1, progress=False)
        said.append(str(error.value))
    assert said[1] == said[0]
    assert "nan" in said[0]


def test_gradients_are_checked_there(gpu):
    x = cr.tensor([0.5, 2.0], dtype=cr.float64, device="cuda", requires_grad=True)
    assert gradcheck(lambda x: (x * x).sin(), x)
    assert gradgradcheck(lambda x: x**3, x)
    assert not gradcheck(lambda x: x * x.detach(), x, raise_exception=False)


def test_comparison(gpu):
    x, _ = tensors("cuda")
    testing.assert_close(x, x.clone())
    with pytest.raises(AssertionError, match="not close"):
        testing.assert_close(x, x + 1)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_parametrized_weights(gpu, name):
    def weight(where):
        cr.manual_seed(0)
        layer = nn.Linear(3, 2).to(where)
        return getattr(parametrizations, name)(layer).weight

    assert weight("cuda").is_cuda
    np.testing.assert_allclose(weight("cuda").tolist(), weight("cpu").tolist(), atol=1e-5)


def test_numbers_of_a_distribution_go_where_its_tensors_are(gpu):
    x, _ = tensors("cuda")
    for made in (Normal(x, 1.0), Normal(0.0, x.exp()), Gamma(x.exp(), cr.tensor(2.0))):
        assert made.sample().is_cuda
        assert made.log_prob(x.exp()).is_cuda


def test_images(gpu, tmp_path):
    pytest.importorskip("PIL.Image")
    image = cr.tensor(RNG.uniform(size=(3, 8, 8)).astype(np.float32))
    there = image.to("cuda")
    for change in (
        transforms.Normalize((0.5, 0.4, 0.3), (0.5, 0.6, 0.7)),
        transforms.Resize(4),
        lambda x: make_grid([x, x]),
    ):
        assert change(there).is_cuda
        np.testing.assert_allclose(change(there).tolist(), change(image).tolist(), rtol=1e-5)
    save_image(there, tmp_path / "a.png")
    save_image(image, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_dlpack_of_ones_own_tensor_stays_where_it_is(gpu):
    x, _ = tensors("cuda")
    assert cr.from_dlpack(x).is_cuda


def test_sparse_tensors(gpu):
    dense = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 4.0]], np.float32)
    right = RNG.standard_normal((3, 2)).astype(np.float32)

    def made(where):
        """Some operations of sparse tensors, and the gradient of the values."""
        a = cr.tensor(dense).to(where).to_sparse()
        places, values = [[1, 0, 1, 0], [0, 1, 2, 1]], [3.0, 1.0, 4.0, 1.0]
        b = cr.sparse_coo_tensor(places, values, (2, 3), device=where, requires_grad=True)
        c = cr.sparse_csr_tensor([0, 1, 3], [1, 0, 2], [2.0, 3.0, 4.0], device=where)
        x = cr.tensor(right).to(where)
        y = b @ x
        y.sum().backward()
        found = [a.to_dense(), b.coalesce().values(), c.crow_indices(), y, c.t().to_dense()]
        found += [(a + c).to_dense(), (c * 2).sum(0).to_dense(), b._values().grad]
        assert {str(t.device) for t in (a, b, c, *found)} == {
            "cuda:0" if where == "cuda" else where
        }
        return found

    for one, other in zip(made("cpu"), made("cuda"), strict=True):
        np.testing.assert_allclose(other.tolist(), one.tolist(), rtol=1e-5)
    moved = cr.tensor(dense).to_sparse().cuda()
    assert (moved.indices().is_cuda, moved.cpu().to_dense().tolist()) == (True, dense.tolist())


def test_orders_are_drawn_on_the_processor_whatever_the_default_device_is(gpu):
    """So a seed gives one order, and the numbers of rows are NumPy's."""
    data = list(range(8))

    def orders():
        cr.manual_seed(3)
        loader = cr.utils.data.DataLoader(data, shuffle=True, batch_size=8)
        parts = cr.utils.data.random_split(data, [5, 3])
        more = cr.utils.data.WeightedRandomSampler(cr.arange(1.0, 5.0), 6)
        return [next(iter(loader)).tolist(), [*parts[0]], [*more]]

    here = orders()
    with cr.device("cuda"):
        assert orders() == here
    of_gpu = cr.Generator(4, device="cuda")
    loader = cr.utils.data.DataLoader(data, shuffle=True, generator=of_gpu)
    assert sorted(x.item() for x in loader) == data


def test_lengths_may_stay_on_the_processor(gpu):
    x = cr.randn(5, 2, 4).log_softmax(-1)
    labels, steps, sizes = cr.tensor([[1, 2], [1, 3]]), cr.tensor([5, 4]), cr.tensor([2, 1])
    here = nn.functional.ctc_loss(x, labels, steps, sizes)
    there = nn.functional.ctc_loss(x.cuda(), labels.cuda(), steps, sizes)
    assert there.is_cuda
    assert there.item() == pytest.approx(here.item(), rel=1e-5)


def test_normal_numbers_about_a_tensor_are_where_it_is(gpu):
    assert cr.normal(cr.zeros(3, device="cuda"), 1.0).is_cuda


def test_tensorboard_takes_what_is_on_a_gpu(gpu, tmp_path):
    from chainrule.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", cr.ones(3, device="cuda"))
        writer.add_image("image", cr.zeros(3, 4, 4, device="cuda"))
    assert any(tmp_path.iterdir())
