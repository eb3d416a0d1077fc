"""`nn.Ensemble`: its output is that of the mean, and its members are what they were."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import OptionError, ShapeError
from chainrule.export import python_source, write_onnx
from chainrule.nn import functional as F


def members(count, outputs):
    sources = map(cr.Generator, range(count))
    return [nn.Linear(3, outputs, generator=source) for source in sources]


def numbers(tensor):
    return tensor.detach().numpy()


def inputs(*shape):
    return cr.randn(*shape, generator=cr.Generator(9))


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3)])
def test_the_softmax_is_the_mean_of_those_of_the_members(shape):
    models, x = members(4, 6), inputs(*shape)
    dim = 1 if len(shape) > 1 else 0
    mean = np.mean([numbers(m(x).softmax(dim)) for m in models], axis=0)
    found = nn.Ensemble(models)(x)
    np.testing.assert_allclose(numbers(found.softmax(dim)), mean, rtol=1e-5)
    np.testing.assert_allclose(
        numbers(found.exp()), mean, rtol=1e-5
    )  # nothing is left to normalise


def test_the_loss_is_that_of_the_mean_of_the_probabilities():
    models, x, y = members(3, 4), inputs(7, 3), cr.tensor([0, 1, 2, 3, 0, 1, 2])
    mean = sum(m(x).softmax(1) for m in models) / 3
    meant = F.nll_loss(mean.log(), y).item()
    assert F.cross_entropy(nn.Ensemble(models)(x), y).item() == pytest.approx(meant, rel=1e-5)
    alone = [F.cross_entropy(m(x), y).item() for m in models]
    assert meant <= np.mean(alone)  # by Jensen's inequality


def test_scores_far_apart_leave_no_hole():
    class Sure(nn.Module):
        def __init__(self, scores):
            self.scores = cr.tensor([scores])

        def forward(self, _):
            return self.scores

    both = nn.Ensemble([Sure([2000.0, 0.0, 0.0]), Sure([0.0, 0.0, 1000.0])])
    found = both(inputs(1, 3)).numpy()[0]
    half = np.log(0.5)
    np.testing.assert_allclose(found, [half, -1000 + half, half], rtol=1e-6)


def test_numbers_have_the_mean_of_the_members():
    models, x = members(3, 1), inputs(5, 3)
    mean = np.mean([numbers(m(x)) for m in models], axis=0)
    np.testing.assert_allclose(numbers(nn.Ensemble(models, "values")(x)), mean, rtol=1e-6)


def test_one_member_says_what_it_says_alone():
    (model,), x = members(1, 4), inputs(5, 3)
    alone = numbers(F.log_softmax(model(x), dim=1))
    np.testing.assert_allclose(numbers(nn.Ensemble([model])(x)), alone, rtol=1e-6)


def test_it_is_a_module_like_any():
    models = members(3, 4)
    both = nn.Ensemble(models)
    assert len(both) == 3
    assert list(both) == models
    assert list(both.state_dict()) == [
        f"{i}.{name}" for i in range(3) for name in ("weight", "bias")
    ]
    F.cross_entropy(both(inputs(5, 3)), cr.tensor([0, 1, 2, 3, 0])).backward()
    assert all(p.grad is not None for m in models for p in m.parameters())


def test_it_is_compiled_like_any():
    both = nn.Ensemble(members(3, 4))
    step = cr.compile(both)
    with cr.no_grad():
        for _ in range(3):
            x = inputs(5, 3)
            np.testing.assert_allclose(numbers(step(x)), numbers(both(x)), rtol=1e-5)


def test_it_is_exported_to_numpy():
    both = nn.Ensemble([*members(1, 4), nn.Sequential(nn.Linear(3, 4), nn.ReLU())])
    x = inputs(5, 3)
    written = {}
    exec(python_source(both, x), written)
    found = written["predict"](x.numpy())
    np.testing.assert_allclose(found, numbers(both(x)), rtol=1e-5)


def test_it_is_exported_to_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    both, x = nn.Ensemble(members(3, 4)), inputs(5, 3)
    write_onnx(tmp_path / "both.onnx", both, x)
    session = onnxruntime.InferenceSession(tmp_path / "both.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(found, numbers(both(x)), rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (lambda: nn.Ensemble([nn.Linear], "values"), OptionError, "got the class Linear at 0"),
        (lambda: nn.Ensemble(nn.Linear(3, 2)), OptionError, "got Linear; put it into brackets"),
        (lambda: nn.Ensemble(3), OptionError, "takes a list of modules, got int"),
        (lambda: nn.Ensemble(members(2, 4), "median"), OptionError, "no average 'median'"),
        (lambda: nn.Ensemble()(inputs(5, 3)), ShapeError, "there are no members"),
        (lambda: nn.Ensemble(members(2, 1))(inputs(5, 3)), ShapeError, "average='values'"),
        (
            lambda: nn.Ensemble([*members(1, 4), *members(1, 5)])(inputs(5, 3)),
            ShapeError,
            r"one shape, got \(5, 4\) and \(5, 5\)",
        ),
    ],
    ids=["a class", "one module", "a number", "no average", "nobody", "one class", "two shapes"],
)
def test_what_cannot_be_is_a_sentence(wrong, kind, said):
    with pytest.raises(kind, match=said):
        wrong()
