"""What a session of digits shows and answers: figures, drawings read, kernels that slide, files."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest

from chainrule import explain
from chainrule.autograd import from_numpy
from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.export.plain import read_json
from chainrule.io import load
from chainrule.playground import Digits, Player
from chainrule.playground.engine.digits.data import digital
from chainrule.playground.service.encoding import encoded
from strokes import STROKES

SHARED = Path(__file__).parents[3] / "shared" / "data"


def train(session, epochs):
    per_epoch = session._training._stepping.batches
    session.advance(time.perf_counter() + 120, int(epochs * per_epoch))


@pytest.fixture(scope="module")
def mlp():
    session = Digits()
    train(session, 15)
    return session


@pytest.fixture(scope="module")
def cnn():
    session = Digits(kind="cnn", batch_size=64, lr=0.01)
    train(session, 8)
    return session


both = pytest.mark.parametrize("name", ["mlp", "cnn"])


@pytest.fixture
def session(request, name):
    return request.getfixturevalue(name)


def still(session):
    return session._training.network.still


def scores_of(session, x):
    """What the network gives for images, as float64."""
    return still(session)(from_numpy(x)).detach().numpy().astype(float)


# --- frames -------------------------------------------------------------------------------------


@both
def test_figures_are_those_of_all_test_images(session):
    frame, data = session.frame(), digital("digits")
    confusion = explain.confusion(still(session), data.test)
    np.testing.assert_array_equal(frame["confusion"], confusion.counts)
    assert frame["score"]["test"] == pytest.approx(confusion.accuracy)
    assert frame["score"]["test"] > 0.93
    assert frame["confusion"].sum() == frame["test_rows"] == 359
    assert frame["train_rows"] == 1438
    scores = scores_of(session, data.train.x)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.log(shares[np.arange(len(scores)), data.train.y]).mean()
    assert frame["loss"]["train"] == pytest.approx(loss, rel=1e-4)
    assert frame["score"]["train"] == (scores.argmax(axis=1) == data.train.y).mean()


@both
def test_mistakes_are_the_surest_first(session):
    wrong, data = session.frame()["mistakes"], digital("digits")
    expected = explain.mistakes(still(session), data.test).wrong
    assert wrong["truth"].tolist() == [int(one.truth) for one in expected]
    assert wrong["said"].tolist() == [int(one.predicted) for one in expected]
    np.testing.assert_allclose(wrong["chance"], [one.confidence for one in expected], rtol=1e-4)
    for image, one in zip(wrong["images"], expected, strict=True):
        np.testing.assert_array_equal(image, np.rint(data.test.x[one.index, 0] * (255 / 16)))


@both
def test_a_mistake_goes_the_way_of_a_drawing(session):
    wrong = session.frame()["mistakes"]
    answer = session.ask("read", {"row": int(wrong["rows"][0])})
    np.testing.assert_array_equal(answer["input"], wrong["images"][0])
    assert answer["probabilities"].argmax() == wrong["said"][0]
    assert answer["probabilities"].max() == pytest.approx(wrong["chance"][0], rel=1e-4)


@pytest.mark.parametrize("row", [-1, 10**9, True, 1.0, "1", None])
def test_images_that_there_are_not(mlp, row):
    with pytest.raises(OptionError, match="row must be a whole number from 0 to"):
        mlp.ask("read", {"row": row})


@both
def test_a_frame_can_be_sent(session):
    frame = session.frame()
    sent = json.loads(encoded(frame))
    assert len(encoded(frame)) < 300_000
    assert sent["shape"] == [8, 8]
    assert sent["confusion"]["$"] == "i4"
    assert sent["weights"]["images"]["$"] == "u1"
    assert {sent["curve"][name]["$"] for name in sent["curve"]} == {"f4"}
    assert frame["epoch"] == frame["steps"] / session._training._stepping.batches


def test_first_weights_are_images(mlp):
    shown = mlp.frame()["weights"]
    weight = still(mlp)[2].weight.array.reshape(64, 8, 8)
    assert shown["name"] == "hidden 1"
    back = (shown["images"].astype(float) - 128) / 127 * shown["limit"][:, None, None]
    np.testing.assert_allclose(back, weight, atol=shown["limit"].max() / 200)


def test_first_kernels_are_images(cnn):
    shown = cnn.frame()["weights"]
    assert shown["name"] == "convolution 1"
    assert shown["images"].shape == (8, 3, 3)
    assert (shown["images"].reshape(8, -1).astype(int) - 128).__abs__().max(axis=1).tolist() == (
        [127] * 8
    )


def test_of_many_units_some_are_shown():
    shown = Digits(layers=[300]).frame()["weights"]
    assert shown["images"].shape == (64, 8, 8)


def test_a_network_without_hidden_layers_shows_its_outputs():
    shown = Digits(layers=[]).frame()["weights"]
    assert (shown["name"], shown["images"].shape) == ("output", (10, 8, 8))


def test_figures_wait_while_it_trains_and_are_of_now_at_rest():
    session = Digits(layers=[8])
    session.frame()
    session.resting, session._due = False, time.perf_counter() + 60
    train(session, 1)
    moving = session.frame()
    assert moving["steps"] == 44
    assert len(moving["curve"]["epoch"]) == 1
    session.resting = True
    assert session.frame()["curve"]["epoch"].tolist() == [0, 1]


def test_the_last_frame_of_a_player_is_of_now():
    frames = []
    player = Player(Digits(layers=[8]), frames.append)
    player.step(30)
    deadline = time.perf_counter() + 30
    while not (frames and frames[-1]["steps"] == 30) and time.perf_counter() < deadline:
        time.sleep(0.01)
    player.close()
    assert frames[-1]["curve"]["epoch"][-1] == np.float32(30 / 44)


# --- drawings -----------------------------------------------------------------------------------


@both
def test_all_drawn_digits_are_read(session):
    read = {digit: session.ask("read", {"strokes": STROKES[digit]}) for digit in STROKES}
    said = {digit: int(answer["probabilities"].argmax()) for digit, answer in read.items()}
    assert sum(said[digit] == digit for digit in STROKES) >= 9, said


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("given", [{}, {"kind": "cnn", "kernel": 5, "batch_size": 64}], ids=str)
def test_eight_of_ten_drawn_digits_are_read_after_two_epochs_of_mnist(seed, given, monkeypatch):
    if SHARED.is_dir():
        monkeypatch.setenv("CHAINRULE_DATA", str(SHARED))
    try:
        digital("mnist")
    except ChainruleError as error:
        pytest.skip(f"MNIST is not here: {error}")
    session = Digits(data="mnist", seed=seed, **given)
    train(session, 1 if given else 2)
    read = {digit: session.ask("read", {"strokes": STROKES[digit]}) for digit in STROKES}
    said = {digit: int(answer["probabilities"].argmax()) for digit, answer in read.items()}
    assert sum(said[digit] == digit for digit in STROKES) >= 8, said
    assert read[3]["input"].shape == (28, 28)
    assert session.frame()["confusion"].sum() == 2000


@both
def test_the_way_of_a_drawing_is_that_of_the_network(session):
    answer = session.ask("read", {"strokes": STROKES[5]})
    levels = np.rint(answer["input"] * (16 / 255))
    scores = scores_of(session, levels[None, None].astype(np.uint8))[0]
    np.testing.assert_allclose(answer["layers"][-1]["values"], scores, rtol=1e-5, atol=1e-5)
    shares = np.exp(scores - scores.max())
    np.testing.assert_allclose(answer["probabilities"], shares / shares.sum(), rtol=1e-4, atol=1e-7)


def test_layers_have_names_for_a_person(mlp, cnn):
    def names(session):
        layers = session.ask("read", {"strokes": STROKES[0]})["layers"]
        assert all(tuple(one["shape"]) == one["values"].shape for one in layers)
        return [one["name"] for one in layers]

    assert names(mlp) == ["hidden 1, 64 units", "output, 10 scores"]
    assert names(cnn) == [
        "convolution 1, 8 maps of 8x8",
        "pooling 1, 8 maps of 4x4",
        "convolution 2, 16 maps of 4x4",
        "pooling 2, 16 maps of 2x2",
        "hidden 1, 64 units",
        "output, 10 scores",
    ]


@both
def test_saliency_is_the_slope_of_the_likeliest_score(session):
    answer = session.ask("read", {"strokes": STROKES[2]})
    x = np.rint(answer["input"] * (16 / 255)).astype(np.float32)[None, None]
    best = int(answer["probabilities"].argmax())
    rng, h = np.random.default_rng(0), 1e-2
    for row, column in rng.integers(0, 8, (12, 2)):
        moved = [x.copy(), x.copy()]
        moved[0][0, 0, row, column] += h
        moved[1][0, 0, row, column] -= h
        up, down = (scores_of(session, one)[0, best] for one in moved)
        slope = 16 * abs(up - down) / (2 * h)
        assert answer["saliency"][row, column] == pytest.approx(slope, rel=0.05, abs=0.05)


@pytest.mark.parametrize("channel", [0, 7])
def test_a_kernel_slides_over_the_drawing(cnn, channel):
    told = cnn.ask("slide", {"strokes": STROKES[4], "channel": channel})
    wide, kernel = np.pad(told["input"], told["padding"]), told["kernel"]
    expected = [
        [(wide[y : y + 3, x : x + 3] * kernel).sum() + told["bias"] for x in range(8)]
        for y in range(8)
    ]
    np.testing.assert_allclose(told["output"], expected, rtol=1e-4, atol=1e-5)
    data = digital("digits")
    image = cnn.ask("read", {"strokes": STROKES[4]})["input"] * (16 / 255)
    np.testing.assert_allclose(
        told["input"], (np.rint(image) - data.mean) / data.std, rtol=1e-5, atol=1e-5
    )
    maps = cnn.ask("read", {"strokes": STROKES[4]})["layers"][0]["values"]
    np.testing.assert_allclose(np.maximum(told["output"], 0), maps[channel], atol=1e-6)


def test_a_unit_weighs_the_drawing(mlp):
    told = mlp.ask("unit", {"strokes": STROKES[4], "unit": 9})
    value = (told["input"] * told["weights"]).sum() + told["bias"]
    assert told["value"] == pytest.approx(value, rel=1e-4, abs=1e-5)
    hidden = mlp.ask("read", {"strokes": STROKES[4]})["layers"][0]["values"]
    assert max(told["value"], 0) == pytest.approx(hidden[9], abs=1e-5)


def test_what_slides_is_refused_where_there_is_none(mlp, cnn):
    strokes = {"strokes": STROKES[1]}
    with pytest.raises(OptionError, match="no kernel that slides; set kind to cnn"):
        mlp.ask("slide", {**strokes, "channel": 0})
    with pytest.raises(OptionError, match="see no whole drawing; ask for slide"):
        cnn.ask("unit", {**strokes, "unit": 0})


@pytest.mark.parametrize("number", [-1, 8, 1.0, True, None, "0", 10**30, [0]], ids=repr)
def test_a_kernel_that_is_not_there_is_refused(cnn, number):
    with pytest.raises(OptionError, match="channel must be a whole number from 0 to 7"):
        cnn.ask("slide", {"strokes": STROKES[1], "channel": number})


@pytest.mark.parametrize("question", ["read", "slide"])
@pytest.mark.parametrize("values", [{}, {"strokes": None}, {"strokes": [[]]}, {"strokes": [[[]]]}])
def test_what_is_no_drawing_is_refused(cnn, question, values):
    with pytest.raises(OptionError):
        cnn.ask(question, values)


@both
def test_an_empty_pad_is_a_blank_image(session):
    answer = session.ask("read", {"strokes": []})
    assert not answer["input"].any()
    assert answer["probabilities"].sum() == pytest.approx(1)


@both
def test_reading_leaves_training_as_it_is(session):
    before = {n: t.array.copy() for n, t in session._training.network.trained.state_dict().items()}
    state = session._training.network.dropout.get_state().tolist()
    session.ask("read", {"strokes": STROKES[6]})
    after = session._training.network.trained.state_dict()
    assert all((after[name].array == before[name]).all() for name in before)
    assert session._training.network.dropout.get_state().tolist() == state
    assert session._training.network.trained.training


# --- files --------------------------------------------------------------------------------------


@both
def test_the_model_comes_back(session, tmp_path):
    file = session.download("model")
    path = tmp_path / file.name
    path.write_bytes(file.content)
    saved = read_json(path)
    x = digital("digits").test.x
    given = saved.model.eval()(from_numpy(x)).detach().numpy()
    np.testing.assert_array_equal(given, scores_of(session, x))
    assert json.loads(file.content)["about"]["classes"] == [str(k) for k in range(10)]


def test_a_large_model_comes_back_in_binary():
    session = Digits(layers=[1000, 1000])
    file = session.download("model")
    assert (file.name, file.kind) == ("digits.safetensors", "application/octet-stream")
    other = Digits(layers=[1000, 1000], seed=1)
    other._training.network.trained.load_state_dict(load(io.BytesIO(file.content)))
    x = digital("digits").test.x[:3]
    np.testing.assert_array_equal(scores_of(other, x), scores_of(session, x))


def test_the_picture_shows_both_curves():
    session = Digits(layers=[8])
    session.frame()
    train(session, 1)
    file = session.download("picture")
    assert file.kind == "image/svg+xml"
    text = file.content.decode()
    assert text.startswith("<svg")
    assert "Digits of 8x8, 44 steps" in text
    assert text.count("training") >= 2


def test_there_is_no_picture_of_nothing():
    with pytest.raises(DataError, match="there is no curve yet; train a little first"):
        Digits(layers=[8]).download("picture")
