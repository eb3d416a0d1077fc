"""The drawings of the plane say what the frame says: hovered, focused, painted, drawn into."""

from __future__ import annotations

import re

import numpy as np
import pytest

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

# Canvases are read from copies: reading them themselves would make them slow, says the browser.
PIXELS = """(one, [left, top, width, height]) => {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [one.width, one.height];
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(one, 0, 0);
    return pen.getImageData(left, top, width || one.width, height || one.height).data;
}"""

COUNTS = f"""(one) => {{
    const words = new Uint32Array(({PIXELS})(one, [0, 0, 0, 0]).buffer), counts = new Map();
    for (const one of words) if (one >>> 24 === 255) counts.set(one, (counts.get(one) ?? 0) + 1);
    return [...counts.values()].sort((a, b) => b - a);
}}"""

ASKED = "() => document.querySelector('.plane-legend .chance').textContent.includes('%')"


@pytest.fixture(scope="module")
def trained(opening):
    """A page whose network has learned for a while, and pauses."""
    with opening() as open_page:
        page = open_page("plane", "#layers=4,3")
        page.train("frame => frame.steps >= 300")
        page.wait_for_timeout(500)  # until the last frame has come
        yield page


@pytest.fixture
def page(open_page):
    return open_page("plane")


def number(text):
    """The number that a text such as 1.20×10⁻⁵ says."""
    text = text.replace("−", "-").replace(",", "")
    return float(re.sub(r"×10(.+)", lambda power: "e" + power[1].translate(RAISED), text))


def figures(page):
    """What the readout below the network says, by name."""
    cells = page.locator(".readout-figures dd").all()
    return {one.get_attribute("data-figure"): one.inner_text() for one in cells}


def neuron(page, layer, unit):
    """The middle of a neuron in the window."""
    box = page.locator(f'[data-neuron="{layer}.{unit}"].neuron').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pixel(page, canvas, place):
    """Red, green, blue and alpha of a canvas at a place in the window."""
    box = canvas.bounding_box()
    at = [round(place[0] - box["x"]), round(place[1] - box["y"])]
    return canvas.evaluate(f"(one, where) => [...({PIXELS})(one, where)]", [*at, 1, 1])


def colors(canvas):
    """How many pixels have each colour, the most frequent first, of those that are not clear."""
    return canvas.evaluate(COUNTS)


def canvases(page):
    """Those of the large picture: the field, the points, the cross."""
    return page.locator(".plane-picture canvas").all()


def soon(page, holds):
    """Something comes to hold."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    assert holds()


def near(value):
    return pytest.approx(value, rel=6e-3, abs=1e-12)


def in_picture(page, across, up):
    """A place of the large picture in the window, by shares of its square."""
    box = page.locator(".plane-picture").bounding_box()
    size = min(box["width"] - 39, box["height"] - 37)
    return box["x"] + 34 + across * size, box["y"] + 5 + (1 - up) * size


def drag(page, start, end):
    page.mouse.move(*in_picture(page, *start))
    page.mouse.down()
    page.mouse.move(*in_picture(page, *end), steps=12)
    page.mouse.up()


# --- the network --------------------------------------------------------------------------------


def test_a_neuron_under_the_mouse_shows_its_figures(trained):
    trained.mouse.move(*in_picture(trained, 0.7, 0.4))
    trained.wait("() => !document.querySelector('.point-line').textContent.startsWith('Point')")
    weights = trained.frame("weights")
    place = trained.locator(".point-line").inner_text()
    x, y = (number(text) for text in re.findall(r"[−\d.]+(?=[,:]|$)", place)[:2])
    span = trained.frame("span")
    assert (x / span, y / span) == (pytest.approx(0.4, abs=0.02), pytest.approx(-0.2, abs=0.02))
    values = trained.ask("look", x=x, y=y)["layers"]
    for layer, unit in ((1, 2), (2, 0), (3, 1)):
        trained.mouse.move(*neuron(trained, layer, unit))
        trained.wait(
            "name => document.querySelector('.readout-title').textContent.includes(name)",
            f"neuron {unit + 1}" if layer < 3 else "output",
        )
        trained.wait("() => document.querySelector('[data-figure=value]').textContent !== '…'")
        said = figures(trained)
        assert number(said["bias"]) == near(weights[layer - 1]["bias"][unit])
        assert number(said["bias-gradient"]) == near(weights[layer - 1]["bias_gradient"][unit])
        value = values[layer]["values"][unit]
        assert number(said["value"]) == pytest.approx(value, rel=0.02, abs=0.01)


def test_a_weight_under_the_mouse_shows_its_figures(trained):
    weights, seen = trained.frame("weights"), set()
    (x, top), (right, bottom) = neuron(trained, 1, 0), neuron(trained, 2, 2)
    for share in np.linspace(0, 1, 30):
        trained.mouse.move(x + 0.35 * (right - x), top + share * (bottom - top))
        title = trained.locator(".readout-title").text_content()
        found = re.fullmatch(
            r"weight from hidden layer 1, neuron (\d) to hidden layer 2, neuron (\d)", title
        )
        if not found or trained.locator(".readout-key").is_visible():
            continue
        source, target = (int(one) - 1 for one in found.groups())
        said = figures(trained)
        assert number(said["weight"]) == near(weights[1]["weight"][target][source])
        assert number(said["gradient"]) == near(weights[1]["weight_gradient"][target][source])
        seen.add((source, target))
    assert len(seen) >= 3


def test_neurons_and_weights_by_keyboard(trained):
    trained.mouse.move(5, 5)
    trained.locator('.network-cells [tabindex="0"]').focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowUp"):
        trained.keyboard.press(key)
    label = "() => document.activeElement.getAttribute('aria-label')"
    assert trained.evaluate(label).startswith("hidden layer 1, neuron 1: ")
    trained.keyboard.press("ArrowDown")
    said = trained.evaluate(label)
    bias = number(re.search(r"bias (\S+)$", said)[1])
    assert bias == near(trained.frame("weights")[0]["bias"][1])
    for source in (0, 1, 0):
        trained.keyboard.press("Enter")
        value = number(figures(trained)["weight"])
        assert value == near(trained.frame("weights")[0]["weight"][1][source])
    assert trained.locator('.network-cells [tabindex="0"]').count() == 1


def test_each_neuron_is_painted_with_its_own_map(trained):
    canvas = trained.locator(".network-canvas")
    for layer, part in enumerate(trained.frame("layers")[:-1]):
        for unit, image in enumerate(np.array(part["maps"], int)):
            side, (x, y) = len(image), neuron(trained, layer, unit)
            size = trained.locator(".neuron").first.bounding_box()["width"]
            for down, right in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.5)):
                place = [x + (right - 0.5) * size, y + (down - 0.5) * size]
                red, _, blue, alpha = pixel(trained, canvas, place)
                byte = image[int(down * side), int(right * side)]
                if abs(byte - 128) > 40:
                    assert alpha == 255
                    assert (blue > red) == (byte > 128), (layer, unit, down, right)


def test_a_wide_deep_network_scrolls_in_its_box(open_page):
    page = open_page("plane", "#layers=64,64,64,64,64,64")
    box = page.locator(".network-scroller")
    before = box.bounding_box()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1280
    sizes = "one => [one.scrollWidth > one.clientWidth, one.scrollHeight > one.clientHeight]"
    assert box.evaluate(sizes) == [True, True]
    box.evaluate("one => one.scrollTo(400, 900)")
    shown = len(page.frame("layers.6.maps"))
    page.locator(f'[data-neuron="6.{shown - 1}"].neuron').focus()
    assert page.locator(".readout-title").inner_text() == f"hidden layer 6, neuron {shown}"
    assert box.bounding_box() == before
    assert page.locator(".readout-list").inner_text().startswith("weights in: #")


# --- the large picture --------------------------------------------------------------------------


def test_the_picture_has_the_colours_of_the_likeliest_classes(trained):
    chances = np.array(trained.frame("boundary.classes"))
    side, checked = chances.shape[1], 0
    for down in np.linspace(0.1, 0.9, 5):
        for right in np.linspace(0.1, 0.9, 5):
            chance = chances[:, int(down * side), int(right * side)]
            if chance.max() < 240:
                continue
            place = in_picture(trained, right, 1 - down)
            red, _, blue, _ = pixel(trained, canvases(trained)[0], place)
            assert (blue > red) == (chance.argmax() == 0)  # blue and orange are the first two
            checked += 1
    assert checked >= 8


def test_discrete_colours_and_test_points_can_be_switched(page):
    field, points, _ = canvases(page)
    smooth, with_tests = colors(field), sum(colors(points))
    assert smooth[0] + smooth[1] < 0.5 * sum(smooth)
    page.check('[data-switch="discrete"]')
    soon(page, lambda: sum(colors(field)[:2]) > 0.85 * sum(colors(field)))
    page.uncheck('[data-switch="tests"]')
    soon(page, lambda: 0 < sum(colors(points)) < 0.95 * with_tests)
    page.check('[data-switch="tests"]')
    soon(page, lambda: sum(colors(points)) == with_tests)


def test_questions_about_the_point_never_overlap_and_end_with_the_newest(page):
    asked, open_now, most = [], set(), [0]

    def begin(request):
        if "/ask/look" in request.url:
            asked.append(request.post_data_json)
            open_now.add(request)
            most[0] = max(most[0], len(open_now))

    page.on("request", begin)
    page.on("requestfinished", lambda request: open_now.discard(request))
    for share in np.linspace(0.1, 0.9, 60):
        page.mouse.move(*in_picture(page, share, 0.5))
    page.wait(ASKED)
    for key in ("ArrowLeft", "ArrowUp"):
        page.focus('.plane-picture [tabindex="0"]')
        page.keyboard.press(key)
    up = 0.05 * page.frame("span")
    soon(page, lambda: abs(asked[-1]["y"] - up) < 0.01)
    assert asked[-1]["x"] == pytest.approx(15 * up, abs=0.05)
    assert most[0] == 1
    assert len(asked) < 60


# --- points drawn by hand -----------------------------------------------------------------------


def drawn(page):
    return page.settings["drawn"]


def test_points_are_drawn_a_stroke_is_one_undo(page):
    span = page.frame("span")
    page.click("text=Draw points")
    drag(page, (0.2, 0.8), (0.8, 0.8))
    page.wait("() => experiment.settings.data === 'drawn' && experiment.settings.drawn.length > 3")
    first = drawn(page)
    assert all(label == 0 and y == pytest.approx(0.6 * span, abs=0.05) for _, y, label in first)
    page.get_by_role("radio", name="2").check(force=True)
    page.wait_frame("frame => frame.span === 2")
    page.mouse.click(*in_picture(page, 0.5, 0.25))
    page.wait(f"() => experiment.settings.drawn.length === {len(first) + 1}")
    x, y, label = drawn(page)[-1]
    assert (x, y, label) == (pytest.approx(0, abs=0.03), pytest.approx(-1, abs=0.03), 1)
    page.wait_frame("frame => frame.classes.length === 2 && frame.layers.at(-1).units === 2")
    page.keyboard.press("Control+z")
    page.wait(f"() => experiment.settings.drawn.length === {len(first)}")
    page.keyboard.press("Control+z")
    page.wait("() => experiment.settings.data === 'moons'")
    assert drawn(page) == []


def test_the_points_shown_are_copied_erased_and_all_removed(page):
    page.click("text=Draw points")
    page.click("text=Copy these points")
    page.wait("() => experiment.settings.data === 'drawn'")
    assert len(drawn(page)) == 400
    assert {label for _, _, label in drawn(page)} == {0, 1}
    page.get_by_role("radio", name="eraser").check(force=True)
    page.wait_frame("frame => frame.span === 2")
    drag(page, (0.02, 0.6), (0.98, 0.6))
    page.wait("() => experiment.settings.drawn.length < 400")
    assert len(drawn(page)) > 100
    assert not [y for _, y, _ in drawn(page) if abs(y - 0.4) < 0.15]
    page.click("text=Remove all")
    page.wait("() => experiment.settings.drawn.length === 0")


def test_points_by_keyboard(page):
    span = page.frame("span")
    page.click("text=Draw points")
    page.get_by_role("radio", name="3").check(force=True)
    page.focus('.plane-picture [tabindex="0"]')
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.wait("() => experiment.settings.drawn.length === 1")
    assert drawn(page) == [[pytest.approx(0.1 * span), pytest.approx(0.05 * span, abs=6e-4), 2]]
    assert not page.evaluate("experiment.playing")


def test_numbers_are_drawn_where_numbers_are_predicted(open_page):
    page = open_page("plane", "#data=hill")
    page.click("text=Draw points")
    page.locator(".pen-number input").fill("-0.5")
    drag(page, (0.3, 0.3), (0.6, 0.3))
    page.wait("() => experiment.settings.data === 'drawn'")
    assert page.settings["drawn_as"] == "number"
    assert {label for _, _, label in drawn(page)} == {-0.5}
    page.wait_frame("frame => frame.kind === 'number'")
