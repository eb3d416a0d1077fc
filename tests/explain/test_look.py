"""Looks into a network: the numbers are right, names are told, the network stays as it was."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain, nn
from chainrule.data import DataLoader, Examples, TensorDataset, digits, moons
from chainrule.errors import DataError, GradientError, OptionError, ShapeError
from chainrule.explain.look.seen import Seen
from chainrule.nn import functional as F

HOSTILE = '<b>"&</b>'
NAMESPACE = "{http://www.w3.org/2000/svg}"


def convolutional(seed=0):
    cr.manual_seed(seed)
    return nn.Sequential(
        nn.Normalize(5, 6),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64, 10),
    )


def smooth(inputs=3, outputs=2, seed=0, dtype=np.float64):
    cr.manual_seed(seed)
    net = nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs))
    return net.to(dtype)


def table(rows=5, columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def some_digits(count=12):
    return digits().take(range(count))


def texts(picture):
    return ["".join(at.itertext()) for at in ET.fromstring(str(picture)).iter(f"{NAMESPACE}text")]


# --- the network stays as it was ----------------------------------------------------------------


def fails(*_):
    raise DataError("the loss has failed")


LOOKS = {
    "activations": lambda m, d: explain.activations(m, d),
    "gradients": lambda m, d: explain.gradients(m, d),
    "gradients, failing": lambda m, d: explain.gradients(m, d, loss=fails),
    "weights": lambda m, d: explain.weights(m),
    "saliency": lambda m, d: explain.saliency(m, d),
    "integrated": lambda m, d: explain.integrated_gradients(m, d, steps=2),
    "confusion": lambda m, d: explain.confusion(m, d),
    "mistakes": lambda m, d: explain.mistakes(m, d),
    "surface": lambda m, d: explain.loss_surface(m, d, points=3),
    "surface, failing": lambda m, d: explain.loss_surface(m, d, fails, points=3),
    "between": lambda m, d: explain.between(m, convolutional(1), d, points=3),
}


class Draws(nn.Module):
    """Adds chance, in eval mode too."""

    def __init__(self):
        super().__init__()
        self.inner = convolutional()

    def forward(self, x):
        return self.inner(x) + 0.001 * cr.randn(1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_of_the_model_changes(look, training):
    model, examples = Draws(), some_digits()
    model.train(training)
    F.cross_entropy(model(cr.from_numpy(examples.x)), cr.from_numpy(examples.y)).backward()
    if look.startswith("between"):
        model = model.inner
    before = {name: t.array.copy() for name, t in model.state_dict().items()}
    slopes = {name: p.grad.array.copy() for name, p in model.named_parameters()}
    hooks = [module.__dict__.get("_hooks") for module in model.modules()]
    wanted = [p.requires_grad for p in model.parameters()]
    cr.manual_seed(7)
    state, numpys = cr.get_rng_state(), np.random.get_state()[1].copy()
    if "failing" in look:
        with pytest.raises(DataError, match="the loss has failed"):
            LOOKS[look](model, examples)
    elif look == "between":
        explain.between(model, model, examples, points=3)
    else:
        assert LOOKS[look](model, examples).picture.body
    assert [m.training for m in model.modules()] == [training] * len(list(model.modules()))
    for name, t in model.state_dict().items():
        np.testing.assert_array_equal(t.array, before[name], err_msg=name)
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.grad.array, slopes[name], err_msg=name)
    assert [module.__dict__.get("_hooks") for module in model.modules()] == hooks
    assert [p.requires_grad for p in model.parameters()] == wanted
    assert np.array_equal(np.asarray(cr.get_rng_state()), np.asarray(state))
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)


@pytest.mark.parametrize("look", [name for name in LOOKS if "failing" not in name])
def test_every_look_is_the_same_again_and_can_be_kept(look, tmp_path):
    model, examples = convolutional(), some_digits()
    one, other = (LOOKS[look](model, examples) for _ in range(2))
    assert isinstance(one, Seen)
    assert one._repr_svg_() == other._repr_svg_()
    assert one._repr_svg_().startswith("<svg")
    one.save(tmp_path / "seen.svg")
    assert (tmp_path / "seen.svg").read_text().strip() == str(one.picture)


def test_a_loader_of_the_callers_is_not_drawn_from():
    examples = some_digits()
    source = cr.Generator().manual_seed(3)
    loader = DataLoader(
        TensorDataset(cr.from_numpy(examples.x), cr.from_numpy(examples.y)),
        4,
        shuffle=True,
        generator=source,
    )
    state = source.get_state().copy()
    found = explain.confusion(convolutional(), loader)
    np.testing.assert_array_equal(source.get_state(), state)
    np.testing.assert_array_equal(found.counts, explain.confusion(convolutional(), examples).counts)


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_no_module_is_refused(look):
    with pytest.raises(OptionError, match="Module"):
        LOOKS[look](lambda x: x, some_digits())


def test_names_from_outside_are_told_as_they_are():
    cr.manual_seed(0)
    rows = Examples(
        "odd", table(6, 2).astype("f4"), np.array([0, 1] * 3), (HOSTILE, "b"), "", (HOSTILE, "c")
    )
    net = nn.Linear(2, 2)
    # A confusion matrix tells a name that is too long for its place beside it, and shortens it.
    assert HOSTILE in texts(explain.confusion(net, rows).picture)
    assert HOSTILE in texts(explain.saliency(net, rows).picture)
    plane = explain.embedding_plane(rows.x, [HOSTILE, "b"] * 3)
    assert HOSTILE in texts(plane.picture)
    assert any(HOSTILE in text for text in texts(explain.mistakes(net, rows).picture))


# --- activations --------------------------------------------------------------------------------


def test_activations_are_what_the_layers_give():
    net, x = smooth(), table()
    seen = explain.activations(net, x)
    hidden = x @ net[0].weight.array.T + net[0].bias.array
    expected = [hidden, np.tanh(hidden)]
    expected.append(expected[1] @ net[2].weight.array.T + net[2].bias.array)
    assert list(seen.outputs) == ["0 (Linear)", "1 (Tanh)", "2 (Linear)"]
    for given, wanted in zip(seen.outputs.values(), expected, strict=True):
        np.testing.assert_allclose(given, wanted, rtol=1e-12)


def test_activations_count_zeros_and_units_that_are_always_zero():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net[0].weight.array[...] = [[1, 0], [0, 1], [0, 0]]
    net[0].bias.array[...] = [0, 0, -1]
    seen = explain.activations(net, np.array([[1, -1], [2, 3]], "f4"))
    assert seen.silent == {"0 (Linear)": 0, "1 (ReLU)": 1}
    assert seen.zeros["1 (ReLU)"] == 0.5
    assert "1 of 3" in texts(seen.picture)


def test_a_layer_that_is_called_again_is_told_again():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(x).relu()) + 1

    seen = explain.activations(Twice(), table(4, 2).astype("f4"))
    assert list(seen.outputs) == ["layer (Linear)", "layer (Linear) #2", "Twice"]


def test_activations_are_those_before_a_layer_that_changes_them_in_place():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
    seen = explain.activations(net, table(9).astype("f4"))
    assert list(seen.outputs) == ["0 (Linear)", "1 (ReLU)", "2 (Linear)"]
    first, second, _ = seen.outputs.values()
    assert first.min() < 0
    np.testing.assert_array_equal(second, np.maximum(first, 0))


def test_activations_of_layers_with_several_results_are_the_first():
    seen = explain.activations(nn.LSTM(3, 5), np.zeros((4, 2, 3), "f4"))
    assert [y.shape for y in seen.outputs.values()] == [(4, 2, 5)]


def test_activations_draw_maps_of_layers_that_give_images():
    seen = explain.activations(convolutional(), some_digits())
    assert seen.maps("3 (ReLU)", 2).description == "4 images: 0; 1; 2; 3"
    assert "3 (ReLU)" in texts(seen.picture)
    with pytest.raises(ShapeError, match="no images"):
        seen.maps("7 (Linear)")
    with pytest.raises(OptionError, match="did you mean '3 \\(ReLU\\)'"):
        seen.maps("3 (Relu)")
    with pytest.raises(OptionError, match="example 12 is not among 12 inputs"):
        seen.maps("3 (ReLU)", 12)


def test_a_single_input_without_a_batch_is_refused():
    with pytest.raises(ShapeError, match=r"x\[None\]"):
        explain.activations(smooth(), np.zeros(3))


# --- gradients and weights ----------------------------------------------------------------------


def test_gradients_are_those_of_differences():
    net, x, y = smooth(), table(), np.array([0, 1, 1, 0, 1])
    seen = explain.gradients(net, x, y)

    def loss():
        return F.cross_entropy(net(cr.from_numpy(x)), cr.from_numpy(y)).item()

    assert seen.loss == pytest.approx(loss(), rel=1e-12)
    for name, p in net.named_parameters():
        at = (0,) * p.ndim
        before, step = p.array[at], 1e-6
        p.array[at] = before + step
        up = loss()
        p.array[at] = before - step
        slope = (up - loss()) / (2 * step)
        p.array[at] = before
        assert seen.gradients[name][at] == pytest.approx(slope, rel=1e-6), name
    first = seen.gradients["0.weight"]
    assert seen.norms["0.weight"] == pytest.approx(np.linalg.norm(first))
    size = np.linalg.norm(net[0].weight.array)
    assert seen.ratios["0.weight"] == pytest.approx(np.linalg.norm(first) / size)


def test_parameters_without_a_gradient_are_named():
    net = smooth()
    net[0].requires_grad_(False)
    seen = explain.gradients(net, table(), np.zeros(5, int))
    assert seen.without == ("0.weight", "0.bias")
    assert list(seen.gradients) == ["2.weight", "2.bias"]
    assert "without a gradient: 0.weight, 0.bias" in texts(seen.picture)
    with pytest.raises(OptionError, match="all are frozen"):
        explain.gradients(net.requires_grad_(False), table(), np.zeros(5, int))
    with pytest.raises(OptionError, match="give the answers y"):
        explain.gradients(smooth(), table())


def test_weights_are_copies_and_any_of_them_is_an_image():
    net = convolutional()
    seen = explain.weights(net)
    seen.parameters["7.weight"][...] = 0
    assert net[7].weight.array.any()
    seen = explain.weights(net)
    assert seen.images("1.weight").description.startswith("4 images")
    assert seen.images("7.weight").description == "1 image: 10 rows, 64 columns"
    assert seen.images("7.weight", (8, 8)).description.startswith("10 images")
    assert seen.images("7.bias").description == "1 image: 1 rows, 10 columns"
    with pytest.raises(OptionError, match="there is no parameter"):
        seen.images("9.weight")
    with pytest.raises(OptionError, match="no parameters"):
        explain.weights(nn.ReLU())


# --- what the answer hangs on -------------------------------------------------------------------


def test_saliency_is_the_slope_by_differences():
    net, x, step = smooth(), table(), 1e-6
    for target in (None, 1, np.array([0, 1, 0, 1, 0])):
        seen = explain.saliency(net, x, target)
        for i in range(len(x)):
            for j in range(x.shape[1]):
                up, down = x.copy(), x.copy()
                up[i, j] += step
                down[i, j] -= step
                ends = [net(cr.from_numpy(a)).array[i, seen.targets[i]] for a in (up, down)]
                slope = (ends[0] - ends[1]) / (2 * step)
                assert seen.values[i, j] == pytest.approx(slope, abs=1e-8)
    outputs = net(cr.from_numpy(x)).array
    np.testing.assert_array_equal(explain.saliency(net, x).targets, outputs.argmax(axis=1))


def test_saliency_of_images_is_the_largest_of_their_channels():
    cr.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(32, 2))
    seen = explain.saliency(net, np.random.default_rng(0).random((2, 3, 6, 6)))
    np.testing.assert_array_equal(seen.map, np.abs(seen.values).max(axis=1))
    assert seen.map.shape == (2, 6, 6)
    assert seen.picture.description.startswith("4 images")


@pytest.mark.parametrize(("steps", "off"), [(1, 10.0), (16, 3e-3), (256, 2e-5)])
def test_integrated_gradients_add_up_to_the_difference(steps, off):
    net, x = smooth(), 2 * table()
    seen = explain.integrated_gradients(net, x, 1, baseline=0.3, steps=steps)
    base = net(cr.from_numpy(np.full_like(x, 0.3))).array[:, 1]
    np.testing.assert_allclose(seen.differences, net(cr.from_numpy(x)).array[:, 1] - base)
    np.testing.assert_allclose(seen.sums, seen.values.sum(axis=1))
    assert seen.gap == np.abs(seen.sums - seen.differences).max()
    assert 0 < seen.gap < off


def test_integrated_gradients_of_a_line_are_exact_and_columns_that_do_nothing_get_nothing():
    net = nn.Linear(3, 1).double()
    net.weight.array[...] = [[2, 0, -1]]
    seen = explain.integrated_gradients(net, [[1.0, 5.0, 4.0]], baseline=[[0.0, 1.0, 2.0]], steps=1)
    np.testing.assert_allclose(seen.values, [[2, 0, -2]], atol=1e-12)
    assert seen.gap < 1e-12


def test_integrated_gradients_of_images_tell_that_they_add_up():
    examples = some_digits(3)
    seen = explain.integrated_gradients(convolutional(), examples)
    assert f"{seen.sums[0]:+.3g} of {seen.differences[0]:+.3g}" in texts(seen.picture)
    assert np.abs(seen.values[examples.x == 0]).max() == 0  # black adds nothing to black


def test_answers_that_are_wrong_are_marked():
    examples = digits().take(range(8))
    seen = explain.saliency(convolutional(), examples)
    wrong = seen.targets != examples.y
    assert wrong.any()
    told = seen.picture.description
    assert told.count("(marked)") == told.count(", was ") == wrong.sum()
    first = int(np.flatnonzero(wrong)[0])
    assert f"{seen.targets[first]}, was {examples.y[first]} (marked)" in told
    asked = explain.saliency(convolutional(), examples, examples.y).picture.description
    assert asked.count("(marked)") == 0


def test_attributions_of_a_table_are_bars_by_column():
    rows = moons(20, seed=0)
    one = explain.saliency(smooth(2, dtype=np.float32), rows.x[:1])
    assert set(one.by_column) == {"x0", "x1"}
    assert one.by_column["x1"] == pytest.approx(float(one.values[0, 1]))
    many = explain.saliency(smooth(2, dtype=np.float32), rows.x)
    assert many.by_column["x1"] == pytest.approx(float(np.abs(many.values[:, 1]).mean()))


def test_numbers_of_sequences_are_named_by_their_place():
    cr.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    seen = explain.saliency(net, np.ones((2, 3, 2), "f4"))
    assert list(seen.by_column)[:3] == ["x[0, 0]", "x[0, 1]", "x[1, 0]"]


def test_what_has_no_slope_or_no_such_output_is_refused():
    tokens = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    with pytest.raises(GradientError, match="numbers that name tokens"):
        explain.saliency(tokens, np.array([[1, 2], [3, 4]]))
    with pytest.raises(OptionError, match="0 to 1, got 2"):
        explain.saliency(smooth(), table(), 2)
    with pytest.raises(ShapeError, match="expected outputs"):
        explain.saliency(nn.Conv2d(1, 1, 1), some_digits().x.astype("f4"))
    with pytest.raises(ShapeError, match="does not fit"):
        explain.integrated_gradients(smooth(), table(), baseline=np.zeros(7))
    with pytest.raises(OptionError, match="steps"):
        explain.integrated_gradients(smooth(), table(), steps=0)


# --- what is confused, what is wrong ------------------------------------------------------------


def test_confusion_counts_every_row_once():
    examples = digits()
    net = convolutional()
    found = explain.confusion(net, examples)
    guesses = net.eval()(cr.from_numpy(examples.x)).array.argmax(axis=1)
    for truth in range(10):
        for given in range(10):
            count = np.sum((examples.y == truth) & (guesses == given))
            assert found.counts[truth, given] == count
    assert found.accuracy == pytest.approx(np.mean(examples.y == guesses))
    assert found.recall["3"] == pytest.approx(np.mean(guesses[examples.y == 3] == 3))
    assert found.precision["8"] == pytest.approx(np.mean(examples.y[guesses == 8] == 8))
    assert found.classes == examples.classes


def test_one_output_is_for_two_classes():
    scores = np.array([[-1.0], [2.0], [3.0], [-4.0]], "f4")
    found = explain.confusion(nn.Identity(), (scores, np.array([0, 1, 0, 1])))
    assert found.counts.tolist() == [[1, 1], [1, 1]]
    (worst, _) = explain.mistakes(nn.Identity(), (scores, np.array([0, 1, 0, 1]))).wrong
    assert (worst.index, worst.told()) == (3, "said 0, was 1, 98 % sure")


def test_answers_that_are_no_classes_of_the_model_are_refused():
    with pytest.raises(DataError, match="no class numbers"):
        explain.confusion(smooth(), (table(), table()[:, 0]))
    with pytest.raises(DataError, match="0 to 7, the model knows 0 to 1"):
        explain.confusion(smooth(), (table(), np.array([0, 1, 7, 0, 0])))


def test_mistakes_are_the_surest_first():
    examples = digits()
    net = convolutional()
    found = explain.mistakes(net, examples, most=30)
    outputs = net.eval()(cr.from_numpy(examples.x))
    shares = F.softmax(outputs, dim=1).array
    wrong = outputs.array.argmax(axis=1) != examples.y
    assert (found.count, found.total) == (wrong.sum(), len(examples))
    assert len(found.wrong) == 30
    sure = [one.confidence for one in found.wrong]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] == pytest.approx(shares[wrong].max())
    for one in found.wrong:
        assert one.truth == str(examples.y[one.index])
        assert one.predicted == str(shares[one.index].argmax())
        np.testing.assert_allclose(one.picture * 16, examples.x[one.index])


def test_mistakes_in_numbers_are_the_farthest_off():
    x, y = table(6, 1).astype("f4"), np.zeros(6, "f4")
    found = explain.mistakes(nn.Identity(), (x, y), most=2)
    order = np.argsort(-np.abs(x[:, 0]))
    assert [one.index for one in found.wrong] == order[:2].tolist()
    assert "The 2 of 6 that are farthest off" in texts(found.picture)
    assert np.isnan(found.wrong[0].confidence)


def test_no_mistakes_are_told_as_none():
    found = explain.mistakes(nn.Identity(), (np.eye(3, dtype="f4"), np.arange(3)))
    assert found.wrong == []
    assert texts(found.picture) == ["0 of 3 wrong"]


# --- in a plane ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(50, 7), (5, 30), (2, 4), (6, 1)])
def test_the_plane_is_that_of_the_covariance(shape):
    x = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
    found = explain.embedding_plane(x)
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values, vectors = values[::-1], vectors[:, ::-1]
    known = min(2, shape[1], shape[0] - 1)
    for i in range(known):
        assert found.explained[i] == pytest.approx(values[i] / values.sum())
        assert abs(found.axes[i] @ vectors[:, i]) == pytest.approx(1)
        assert found.axes[i][np.abs(found.axes[i]).argmax()] > 0
    np.testing.assert_allclose(found.points, centred @ found.axes.T, atol=1e-12)
    np.testing.assert_allclose(found.mean, x.mean(axis=0))


def test_few_names_are_classes_and_many_are_names():
    x = table(60, 4)
    by_class = explain.embedding_plane(x, [i % 3 for i in range(60)])
    assert by_class.picture.description == "60 points: 20 of 0, 20 of 1, 20 of 2"
    words = [f"word{i}" for i in range(60)]
    assert set(words) <= set(texts(explain.embedding_plane(x, words).picture))


def test_the_plane_of_an_embedding_and_of_what_a_layer_gives():
    cr.manual_seed(0)
    embedding = nn.Embedding(6, 5)
    found = explain.embedding_plane(embedding, list("abcdef"))
    np.testing.assert_array_equal(
        found.points, explain.embedding_plane(embedding.weight.array).points
    )
    seen = explain.activations(convolutional(), some_digits())
    assert explain.embedding_plane(seen.outputs["3 (ReLU)"]).axes.shape == (2, 4 * 64)


def test_vectors_without_a_plane_are_refused():
    with pytest.raises(ShapeError, match="two vectors or more"):
        explain.embedding_plane(np.zeros((1, 3)))
    with pytest.raises(DataError, match="NaN"):
        explain.embedding_plane([[np.nan, 1], [0, 1]])
    with pytest.raises(ShapeError, match="2 vectors with 3 labels"):
        explain.embedding_plane(np.eye(2), "abc")


# --- around the weights -------------------------------------------------------------------------


def test_the_middle_of_the_surface_is_the_loss():
    net, x, y = smooth(), table(40), np.arange(40) % 2
    seen = explain.loss_surface(net, (x, y), points=5)
    loss = F.cross_entropy(net(cr.from_numpy(x)), cr.from_numpy(y)).item()
    assert seen.centre == pytest.approx(loss, rel=1e-12)
    assert seen.losses[2, 2] == seen.centre
    assert seen.steps.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert len(np.unique(seen.losses)) == 25


def test_the_surface_does_not_depend_on_the_scale_of_the_filters():
    """A layer ten times as large before a layer a tenth as large is the same network."""
    cr.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False))
    net = net.double()
    data = table(40), np.arange(40) % 2
    one = explain.loss_surface(net, data, points=5)
    net[0].weight.array[...] *= 10
    net[2].weight.array[...] /= 10
    np.testing.assert_allclose(explain.loss_surface(net, data, points=5).losses, one.losses)


def test_the_surface_depends_on_its_seed_and_span():
    net, data = smooth(), (table(40), np.arange(40) % 2)
    one = explain.loss_surface(net, data, points=5)
    assert not np.allclose(one.losses, explain.loss_surface(net, data, points=5, seed=1).losses)
    wide = explain.loss_surface(net, data, points=5, span=2)
    np.testing.assert_allclose(wide.losses[1:4:2, 1:4:2], one.losses[::4, ::4])


def test_between_two_networks():
    one, other = smooth(seed=0), smooth(seed=1)
    x, y = table(40), np.arange(40) % 2
    seen = explain.between(one, other, (x, y), points=5)
    ends = [F.cross_entropy(n(cr.from_numpy(x)), cr.from_numpy(y)).item() for n in (one, other)]
    np.testing.assert_allclose(seen.losses[[0, -1]], ends)
    middle = smooth()
    for p, a, b in zip(middle.parameters(), one.parameters(), other.parameters(), strict=True):
        p.array[...] = (a.array + b.array) / 2
    loss = F.cross_entropy(middle(cr.from_numpy(x)), cr.from_numpy(y)).item()
    assert seen.losses[2] == pytest.approx(loss)
    assert seen.barrier == pytest.approx(max(seen.losses - np.linspace(ends[0], ends[1], 5)))


def test_surfaces_that_cannot_be_are_refused():
    net, data = smooth(), (table(), np.arange(5) % 2)
    with pytest.raises(OptionError, match="odd number"):
        explain.loss_surface(net, data, points=4)
    with pytest.raises(OptionError, match="span"):
        explain.loss_surface(net, data, span=0)
    with pytest.raises(OptionError, match="no weights"):
        explain.loss_surface(nn.Identity(), (np.eye(2), np.arange(2)))
    lost = smooth()
    lost[0].weight.array[...] = np.nan
    with pytest.raises(DataError, match="the loss of the weights themselves is nan"):
        explain.loss_surface(lost, data, points=3)
    with pytest.raises(OptionError, match="not of one build"):
        explain.between(net, smooth(3, 4), data)
    with pytest.raises(OptionError, match="at least 2"):
        explain.between(net, net, data, points=1)
