"""The page of digits in a Chromium: it trains, reads drawings, shows how, obeys every control."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.data import mnist
from chainrule.errors import ChainruleError
from strokes import STROKES

ROOT = Path(__file__).resolve().parents[2]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CONVOLUTIONAL = "#kind=cnn&channels=4&kernel=5&layers="
IS = "([name, value]) => JSON.stringify(experiment.settings[name]) === JSON.stringify(value)"
CHANCES = """() => [...document.querySelectorAll(".bars li")]
    .map((one) => Number(one.dataset.chance ?? NaN))"""
DRAWN = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size; // colours
}"""


@pytest.fixture
def page(open_page):
    return open_page("digits")


def answered(page, deed):
    """Do something, and wait until the network has said what it makes of the drawing then."""
    with page.expect_response(lambda response: response.url.endswith("/ask/read")):
        deed()
    page.wait_for_timeout(30)


def draw(page, strokes):
    """Draw lines on the pad with the mouse, and wait for the answer to the last."""
    page.locator("canvas.pad").scroll_into_view_if_needed()
    box = page.locator("canvas.pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        answered(page, page.mouse.up)
    page.wait_for_timeout(150)  # what was asked before the pen was lifted is answered too


def read(page):
    """The digit that is marked as the likeliest, and all chances."""
    chances = page.evaluate(CHANCES)
    marked = page.locator(".bars .likeliest")
    assert marked.count() == 1
    assert marked.locator(".mark").inner_text() == "◀"
    return int(marked.get_attribute("data-digit")), chances


# --- it trains ----------------------------------------------------------------------------------


def test_it_learns_the_small_digits_in_front_of_ones_eyes(page):
    page.get_by_role("button", name="Play").click()
    page.wait_frame("frame => frame.score.test >= 0.9 && frame.curve.epoch.length > 5")
    page.get_by_role("button", name="Pause").click()
    page.wait_frame("frame => !frame.play.playing")
    said = page.locator(".counters div", has_text="test accuracy").locator("dd").inner_text()
    assert float(said.removesuffix(" %")) >= 90
    assert page.frame("loss.train") < page.frame("curve.train")[0] / 3
    assert page.locator("#curves canvas").first.evaluate(DRAWN) > 2


def test_one_step_and_one_epoch(page):
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_frame("frame => frame.steps === 1")
    page.get_by_role("button", name="One epoch").click()
    page.wait_frame("frame => frame.steps === 1 + frame.epoch_steps")
    page.get_by_role("button", name="Begin anew").click()
    page.wait_frame("frame => frame.steps === 0")


def test_the_confusion_matrix_is_that_of_the_frame_and_speaks(page):
    page.train("frame => frame.score.test >= 0.9")
    counts = np.array(page.frame("confusion"))
    shown = page.locator(".confusion td").all_inner_texts()
    assert [0 if one == "·" else int(one) for one in shown] == counts.flatten().tolist()
    page.focus(".confusion td[tabindex='0']")
    for key in ("ArrowDown",) * 3 + ("ArrowRight",) * 5:
        page.keyboard.press(key)
    said = page.inner_text(".sentence")
    assert f"{counts[3, 5]} of {counts[3].sum()} threes" in said
    assert said.endswith("read as fives.")
    page.hover(".confusion td[data-truth='6'][data-said='6']")
    assert f"{counts[6, 6]} of {counts[6].sum()} sixes" in page.inner_text(".sentence")
    assert page.inner_text(".sentence").endswith("read rightly.")


def test_the_most_wrong_and_the_weights_are_shown(page):
    page.train("frame => frame.score.test >= 0.9")
    wrong = page.frame("mistakes")
    cards = page.locator(".mistakes li:not(.empty)")
    assert cards.count() == len(wrong["truth"]) > 0
    assert f"a {wrong['truth'][0]}, read as a {wrong['said'][0]}" in cards.first.inner_text()
    assert cards.first.locator("canvas").evaluate(DRAWN) > 3
    assert page.locator("canvas.sheet").evaluate(DRAWN) > 20
    assert "64 images of 8 × 8" in page.inner_text("#weights")


def test_a_mistake_that_is_pressed_goes_through_the_network(page):
    page.train("frame => frame.score.test >= 0.9")
    wrong = page.frame("mistakes")
    answered(page, page.locator(".mistakes button").first.click)
    digit, chances = read(page)
    assert digit == wrong["said"][0]
    assert max(chances) == pytest.approx(wrong["chance"][0], rel=1e-3)
    draw(page, STROKES[0])  # takes its place
    assert read(page)[0] == 0
    page.get_by_role("button", name="Clear").click()
    page.wait("() => document.querySelector('.verdict').textContent === 'nothing drawn yet'")


# --- a drawing ----------------------------------------------------------------------------------


def test_a_drawing_passes_through_the_layers_to_ten_chances(page):
    assert page.inner_text(".verdict") == "nothing drawn yet"
    page.train("frame => frame.score.test >= 0.9")
    draw(page, STROKES[0])
    digit, chances = read(page)
    assert len(chances) == 10
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert digit == int(np.argmax(chances)) == 0
    assert page.inner_text(".verdict").startswith("a 0, ")
    assert page.locator(".layer").count() == 2
    assert "hidden 1" in page.inner_text(".layers")
    assert page.locator(".layer canvas").first.evaluate(DRAWN) > 10
    assert "Values of hidden 1" in page.locator(".layer canvas").first.get_attribute("aria-label")


def test_the_saliency_can_be_laid_over_the_drawing_and_taken_off(page):
    page.train("frame => frame.steps >= 50")
    draw(page, STROKES[3])
    canvas = page.locator(".way .input canvas")
    pixels = "canvas => canvas.toDataURL()"
    assert "with the saliency" in canvas.get_attribute("aria-label")
    laid = canvas.evaluate(pixels)
    switch = page.get_by_role("checkbox", name="saliency")
    switch.uncheck()
    assert canvas.evaluate(pixels) != laid
    assert "saliency" not in canvas.get_attribute("aria-label")
    switch.check()
    assert canvas.evaluate(pixels) == laid


def test_the_answer_changes_while_training_goes_on(page):
    draw(page, STROKES[7])
    before = page.evaluate(CHANCES)
    page.get_by_role("button", name="Play").click()
    page.wait(f"before => JSON.stringify(({CHANCES})()) !== JSON.stringify(before)", before)
    page.wait("() => document.querySelector('.likeliest')?.dataset.digit === '7'")


def test_strokes_are_taken_back_and_cleared(page):
    draw(page, STROKES[4])
    both = page.evaluate(CHANCES)
    answered(page, page.get_by_role("button", name="Take back").click)
    assert page.evaluate(CHANCES) != both
    assert page.inner_text(".verdict") != "nothing drawn yet"
    draw(page, STROKES[4][1:])
    assert page.evaluate(CHANCES) == pytest.approx(both)
    page.change(seed=1)
    page.focus("canvas.pad")
    answered(page, lambda: page.keyboard.press("Control+z"))
    assert page.settings["seed"] == 1  # on the pad, a stroke is taken back
    answered(page, page.get_by_role("button", name="Clear").click)
    page.wait("() => document.querySelector('.verdict').textContent === 'nothing drawn yet'")
    assert page.get_by_role("button", name="Clear").is_disabled()


def test_drawing_with_keys(page):
    page.train("frame => frame.score.test >= 0.9")
    page.focus("canvas.pad")
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    answered(page, lambda: page.keyboard.press("Space"))
    page.wait("() => document.querySelector('.likeliest')?.dataset.digit === '1'")
    assert not page.frame("play.playing")  # the space bar was the pad's
    answered(page, lambda: page.keyboard.press("Backspace"))
    page.wait("() => document.querySelector('.verdict').textContent === 'nothing drawn yet'")


def test_drawing_with_a_finger_on_a_phone(open_page):
    page = open_page("digits", **PHONE)
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    page.train("frame => frame.score.test >= 0.9")
    box = page.locator("canvas.pad").bounding_box()
    assert box["width"] > 300
    assert box["y"] + box["height"] < 844  # the whole pad, without scrolling
    fingers = page.context.new_cdp_session(page.page)

    def touch(kind, *places):
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in places
        ]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    [stroke] = STROKES[7]
    touch("touchStart", stroke[0])
    for place in stroke[1:]:
        touch("touchMove", place)
    answered(page, lambda: touch("touchEnd"))
    page.wait("() => document.querySelector('.likeliest')?.dataset.digit === '7'")
    assert page.evaluate("scrollY") == 0


def test_eight_of_ten_digits_drawn_are_read_after_mnist(open_page, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", os.environ.get("CHAINRULE_DATA") or str(shared_data()))
    try:
        mnist()
    except (ChainruleError, OSError) as error:
        pytest.skip(f"MNIST is not here: {error}")
    page = open_page("digits", "#data=mnist&layers=128")
    page.evaluate("experiment.pace(null)")
    page.train("frame => frame.score.test >= 0.96 && frame.epoch >= 2", seconds=60)
    said = {}
    for digit, strokes in STROKES.items():
        draw(page, strokes)
        said[digit] = read(page)[0]
        answered(page, page.get_by_role("button", name="Clear").click)
    right = sum(digit == one for digit, one in said.items())
    assert right >= 8, said


def shared_data():
    """The folder beside the project where data may lie."""
    return ROOT.parent / "shared" / "data"


# --- one map, one unit --------------------------------------------------------------------------


ALL_SUMS = """async (channel) => {
    const { windowAt } = await import(new URL("digits/convolution.js", document.baseURI));
    const strokes = [[[0.3, 0.2], [0.7, 0.3], [0.4, 0.8]]];
    const map = await experiment.ask("slide", { strokes, channel });
    const sums = Array.from(map.output, (_, at) => windowAt(map, at).value);
    const { shape } = map.output;
    return { sums, shape, output: Array.from(map.output), side: map.kernel.shape[0] };
}"""


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_the_sums_of_a_window_are_the_maps_pixels(open_page, kernel):
    page = open_page("digits", f"#kind=cnn&channels=4&layers=&kernel={kernel}")
    found = page.evaluate(ALL_SUMS, 3)
    assert found["side"] == kernel
    assert len(found["sums"]) == np.prod(found["shape"])
    assert np.ptp(found["output"]) > 0.01
    np.testing.assert_allclose(found["sums"], found["output"], rtol=1e-4, atol=1e-5)


def test_the_window_slides_by_button_mouse_and_keys(open_page):
    page = open_page("digits", CONVOLUTIONAL)
    draw(page, STROKES[2])
    page.wait("() => document.querySelector('.sum').textContent.includes('=')")
    place = "() => document.querySelector('[role=application].framed').getAttribute('aria-label')"
    with page.expect_response(lambda response: response.url.endswith("/ask/slide")):
        page.get_by_label("Map", exact=True).select_option("2")
    page.wait_for_timeout(100)
    assert page.locator(".grids .cells").count() == 3
    assert page.locator(".grids .cells").first.locator("span").count() == 25
    first = page.evaluate(place)
    page.get_by_role("button", name="One pixel on").click()
    second = page.evaluate(place)
    assert first != second
    page.get_by_role("button", name="One pixel back").click()
    assert page.evaluate(place) == first
    page.focus("[role=application].framed")
    for key in ("ArrowUp",) * 8 + ("ArrowLeft",) * 8:
        page.keyboard.press(key)
    assert "row 1, column 1:" in page.evaluate(place)
    page.get_by_label("Speed of the window").select_option("200")
    page.get_by_role("button", name="Slide", exact=True).click()
    page.wait(f"() => ({place})().includes('row 8, column 8')")
    page.get_by_role("button", name="Slide", exact=True).wait_for()


def test_the_sum_that_is_written_is_the_maps_pixel(open_page):
    page = open_page("digits", CONVOLUTIONAL)
    draw(page, STROKES[5])
    page.wait("() => document.querySelector('.sum').textContent.includes('=')")
    grids = page.locator(".grids .cells").all()
    numbers = [[number(one) for one in grid.locator("span").all_inner_texts()] for grid in grids]
    patch, kernel, products = map(np.array, numbers)
    np.testing.assert_allclose(patch * kernel, products, atol=0.02)
    total, bias, value = map(number, re.findall(r"−?\d+\.\d+", page.inner_text(".sum b")))
    assert total == pytest.approx(products.sum(), abs=0.13)  # of 25 numbers with two decimals
    assert value == pytest.approx(total + bias, abs=0.002)
    label = page.locator("[role=application].framed").get_attribute("aria-label")
    assert number(re.search(r": (−?[\d.]+)\.", label)[1]) == value


def number(text):
    """A number as the page writes it."""
    return float(text.replace("−", "-"))


def test_a_unit_of_a_fully_connected_network_and_its_sum(page):
    draw(page, STROKES[8])
    assert page.locator("#slide").is_hidden()
    answer = page.evaluate(
        """async () => {
            const strokes = [[[0.2, 0.2], [0.8, 0.9]]];
            const unit = await experiment.ask("unit", { strokes, unit: 5 });
            const sum = unit.input.reduce((total, x, i) => total + x * unit.weights[i], unit.bias);
            return [sum, unit.value];
        }"""
    )
    assert answer[0] == pytest.approx(answer[1], abs=1e-4)
    before = page.inner_text("#unit .sum")
    assert before.startswith("sum of the 64 products + bias:")
    page.get_by_label("Unit", exact=True).select_option("5")
    page.wait("before => document.querySelector('#unit .sum').textContent !== before", before)
    box = page.locator("canvas.sheet").bounding_box()
    page.locator("canvas.sheet").click(position={"x": box["width"] / 16, "y": 10})
    page.wait("() => document.querySelector('#unit select').value === '0'")


# --- controls, the address, files ---------------------------------------------------------------


def operate(page, name, setting, now):
    """Set something by its own control, to something else; returns what it should be then."""
    box = page.locator(f'[data-setting="{name}"]')
    if setting["kind"] == "choice":
        other = next(one for one in setting["options"] if one not in (now, "mnist", "none"))
        box.locator("select").select_option(other)
        return other
    if setting["kind"] == "flag":
        box.locator("input").check()
        return True
    if setting["kind"] == "sizes":
        box.get_by_role("button", name="one more").first.click()
        return [now[0] + 1, *now[1:]]
    other = min(now + 1, setting["high"]) if setting["kind"] == "count" else 0.25
    box.locator("input[type=number]").fill(str(other))
    page.keyboard.press("Enter")
    return other


def test_every_control_of_the_table_works(open_page):
    page = open_page("digits", "#kind=cnn&channels=4,4")
    table = page.evaluate("experiment.table")
    for name in [one for one in table if one not in ("data", "kind")] + ["kind"]:
        expected = operate(page, name, table[name], page.settings[name])
        page.wait(IS, [name, expected])
        assert page.said == "", name
    assert page.locator('[data-setting="channels"]').is_hidden()
    for name in ("seed", "layers", "dropout", "lr"):
        page.wait("name => new URLSearchParams(location.hash.slice(1)).has(name)", name)
    assert page.train("frame => frame.steps >= 2")["steps"] >= 2


def test_a_link_brings_every_setting_back(page):
    wanted = {"kind": "cnn", "channels": [6], "kernel": 5, "layers": [20, 10], "augment": True}
    page.change(**wanted)
    before = page.settings
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.settings == before
    assert before.items() >= wanted.items()
    assert page.input_value('[data-setting="kind"] select') == "cnn"
    assert page.locator('[data-setting="layers"] li').count() == 2
    assert page.is_visible("#slide")


def test_the_script_repeats_the_run(open_page, tmp_path):
    page = open_page("digits", "#layers=20&seed=2&optimizer=momentum&lr=0.1")
    page.train("frame => frame.steps >= 60")
    page.change(lr=0.03)  # live: training goes on
    page.train("frame => frame.steps >= 120")
    page.click("summary:has-text('Export')")
    with page.expect_download() as coming:
        page.click("text=Python script")
    script = tmp_path / "script.py"
    coming.value.save_as(script)
    run = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    printed = [float(one) for one in re.findall(r"\d+\.\d+(?:e[-+]?\d+)?", run.stdout)]
    expected = page.frame("loss.train")
    assert any(one == pytest.approx(expected, rel=1e-4) for one in printed), (run.stdout, expected)


def test_every_file_can_be_had(page):
    page.train("frame => frame.steps >= 20")
    names = page.locator(".exports [data-export]").evaluate_all(
        "links => links.map((link) => link.dataset.export)"
    )
    assert names == ["script", "model", "picture"]
    for name in names:
        assert len(page.fetch(name)) > 200, name
    assert page.fetch("picture").lstrip().startswith(b"<svg")
