"""The page of the plane in a Chromium: it trains, obeys every control, takes and gives files."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
RUINOUS = "#data=circles&optimizer=sgd&lr=100"
CSV = "height,weight,kind\n" + "".join(
    f"{150 + 40 * kind + i % 7},{50 + 30 * kind + i % 5},{'tall' if kind else 'short'}\n"
    for kind in (0, 1)
    for i in range(40)
)

DROP = """([name, text, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text ?? new Uint8Array(bytes)], name, { type: "text/csv" }));
    const tell = (kind) => document.body.dispatchEvent(
        new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    tell("dragenter");
    const shown = !document.querySelector(".veil").hidden;
    tell("dragover");
    tell("drop");
    return [shown, document.querySelector(".veil").hidden];
}"""

# Sets one setting by its own control, to something else; returns what it should be then.
OPERATE = """name => {
    const setting = experiment.table[name];
    const now = experiment.settings[name];
    const box = document.querySelector(`[data-setting="${name}"]`);
    const fire = (one, kind) => one.dispatchEvent(new Event(kind, { bubbles: true }));
    if (setting.kind === "choice") {
        const radios = [...box.querySelectorAll("input[type=radio]")];
        const other = Object.keys(setting.options).find((one) => one !== now && one !== "csv");
        if (radios.length) radios.find((one) => one.value === other).click();
        else {
            const select = box.querySelector("select");
            select.value = other;
            fire(select, "change");
        }
        return other;
    }
    if (setting.kind === "several") {
        const boxes = [...box.querySelectorAll("input")];
        boxes.find((one) => !one.checked).click();
        return boxes.filter((one) => one.checked).map((one) => one.value);
    }
    if (setting.kind === "flag") {
        (box.matches("input") ? box : box.querySelector("input")).click();
        return !now;
    }
    if (setting.kind === "sizes") {
        box.querySelector("button.add").click();
        return [...now, now.at(-1)];
    }
    const typed = box.querySelector("input[type=number]");
    const other = setting.kind === "count" ? Math.min(now + 7, setting.high)
                                           : (setting.low + Math.min(setting.high, 1)) / 2;
    typed.value = other;
    fire(typed, "change");
    return other;
}"""

IS = "([name, value]) => JSON.stringify(experiment.settings[name]) === JSON.stringify(value)"


@pytest.fixture
def page(open_page):
    return open_page("plane")


# --- it trains ----------------------------------------------------------------------------------


def test_it_learns_circles_under_usual_settings(open_page):
    page = open_page("plane", "#data=circles")
    page.click("text=Play")
    page.wait_frame("frame => frame.score.test >= 0.95")
    page.click("text=Pause")
    page.wait_frame("frame => !frame.play.playing")
    frame = page.frame()
    assert frame["score"]["name"] == "accuracy"
    assert frame["loss"]["train"] < 0.5
    assert page.inner_text(".counters").split()[1] != "–"


def test_one_step_and_one_epoch(page):
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_frame("frame => frame.steps === 1")
    page.get_by_role("button", name="One epoch").click()
    page.wait_frame("frame => frame.steps === 1 + frame.epoch_steps")
    assert page.frame("epoch_steps") == 280 // 32  # whole batches of the training points
    page.get_by_role("button", name="Begin anew").click()
    page.wait_frame("frame => frame.steps === 0")


# --- controls -----------------------------------------------------------------------------------


def test_every_control_of_the_table_works(page):
    page.click("#more > summary")
    table = page.evaluate("experiment.table")
    by_hand = {name for name, setting in table.items() if setting["kind"] == "points"}
    assert by_hand == {"drawn"}  # drawn by the mouse, in a test of its own
    for name in sorted(table.keys() - by_hand):
        expected = page.evaluate(OPERATE, name)
        page.wait(IS, [name, expected])
        steps = page.frame("steps")
        page.evaluate("experiment.step()")
        page.wait_frame(f"frame => frame.steps > 0 && (frame.steps > {steps} || frame.steps === 1)")
        assert page.said == "", name
    page.wait("() => /seed=/.test(location.hash) && /layers=/.test(location.hash)")


def test_a_value_that_cannot_be_is_refused_and_the_old_one_shown(open_page):
    page = open_page("plane", allowed=("422",))
    page.fill('[data-setting="lr"] input[type="number"]', "5000")
    page.keyboard.press("Enter")
    page.wait("() => document.getElementById('status').textContent.includes('lr must be from')")
    assert page.settings["lr"] == 0.01


def test_undo_and_redo(page):
    page.change(seed=3)
    page.change(lr=0.5)
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    page.wait(IS, ["lr", 0.01])
    assert page.settings["seed"] == 3
    undo.click()
    page.wait(IS, ["seed", 0])
    page.wait("() => document.querySelector('[aria-label=Undo]').disabled")
    page.get_by_role("button", name="Redo").click()
    page.wait(IS, ["seed", 3])
    page.keyboard.press("Control+z")
    page.wait(IS, ["seed", 0])


def test_a_link_brings_every_setting_back(page):
    wanted = {"data": "spiral", "layers": [5, 3, 2], "features": ["x1", "x1x2"], "l2": 0.001}
    page.change(**wanted)
    before = page.settings
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.settings == before
    assert before.items() >= wanted.items()
    assert page.is_checked('.tile input[value="spiral"]')
    assert page.locator(".stack-of-sizes li").count() == 3


# --- layers and neurons -------------------------------------------------------------------------


def test_layers_and_neurons_are_added_and_removed_at_the_drawing(page):
    for label, expected in (
        ("add a neuron to hidden layer 1", [5, 4]),
        ("remove a neuron from hidden layer 2", [5, 3]),
        ("add a layer after hidden layer 2", [5, 3, 3]),
        ("remove hidden layer 1", [3, 3]),
    ):
        page.get_by_role("button", name=label).click()
        page.wait(IS, ["layers", expected])
        page.wait_frame(f"frame => frame.layers.length === {len(expected) + 2}")


def test_quick_clicks_in_the_list_of_layers_all_count(page):
    page.click("#more > summary")
    row = page.locator(".stack-of-sizes li").first
    for _ in range(3):
        row.get_by_role("button", name="one more").click(no_wait_after=True)
    page.wait(IS, ["layers", [7, 4]])
    row.get_by_role("button", name="Remove").click()
    page.wait(IS, ["layers", [4]])
    page.locator(".stack-of-sizes li").first.get_by_role("button", name="Remove").click()
    page.wait(IS, ["layers", []])
    page.get_by_role("button", name="Add a layer", exact=True).click()
    page.wait(IS, ["layers", [4]])


# --- data of one's own --------------------------------------------------------------------------


def test_a_csv_dropped_on_the_page(page):
    assert page.evaluate(DROP, ["people.csv", CSV, 0]) == [True, True]
    page.wait(IS, ["data", "csv"])
    page.wait_frame("frame => frame.classes.join() === 'short,tall'")
    page.wait("() => /height and weight/.test(document.querySelector('#own-file').textContent)")
    assert "people.csv" in page.inner_text("#own-file")
    assert "address of the page does not hold it" in page.inner_text("#own-file")
    frame = page.train("frame => frame.score.train > 0.95")
    assert frame["score"]["train"] > 0.95
    page.get_by_role("button", name="Undo").click()
    page.wait(IS, ["data", "moons"])


def test_a_csv_chosen(page):
    file = {"name": "chosen.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    page.set_input_files(".tile.own input", file)
    page.wait(IS, ["data", "csv"])


def test_a_link_to_a_file_of_before_keeps_its_settings_and_asks_for_the_file(open_page):
    page = open_page("plane", "#data=csv&seed=5&layers=3")
    assert page.settings["seed"] == 5
    page.wait("() => /choose it again/.test(document.querySelector('#own-file').textContent)")
    page.evaluate(DROP, ["people.csv", CSV, 0])
    page.wait_frame("frame => frame.classes.join() === 'short,tall'")
    assert page.settings["layers"] == [3]


def test_a_file_too_large_is_not_even_sent(page):
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate(DROP, ["large.csv", None, (16 << 20) + 1])
    page.wait("() => /16 MiB at most/.test(document.getElementById('status').textContent)")
    assert not [url for url in sent if "/take/" in url]


def test_a_file_that_is_no_table_is_refused_in_a_sentence(open_page):
    page = open_page("plane", allowed=("422", "400"))
    page.evaluate(DROP, ["notes.txt", "nothing\nof a table\n", 0])
    page.wait("() => document.getElementById('status').textContent.length > 10")
    assert page.settings["data"] == "moons"
    assert page.train()["steps"] >= 100


def stroke(page, places):
    """Draw on the large picture through places, given as shares of it."""
    box = page.locator("#boundary canvas").last.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def test_points_are_drawn_with_the_mouse(page):
    page.get_by_role("button", name="Draw points").click()
    stroke(page, [(0.3, 0.3), (0.3, 0.6)])
    page.wait("() => experiment.settings.data === 'drawn' && experiment.settings.drawn.length > 2")
    first = page.settings["drawn"]
    assert {label for _, _, label in first} == {0}
    page.locator("#pen .segmented label:has-text('2')").click()
    stroke(page, [(0.7, 0.3), (0.7, 0.6)])
    page.wait(f"() => experiment.settings.drawn.length > {len(first)}")
    drawn = page.settings["drawn"]
    assert drawn[: len(first)] == first
    assert {label for _, _, label in drawn[len(first) :]} == {1}
    assert max(x for x, _, label in drawn if label == 0) < min(x for x, _, label in drawn if label)
    page.train("frame => frame.score.train === 1")
    page.wait("() => location.hash.includes('drawn=')")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.settings["drawn"] == drawn
    page.change(drawn=first)
    page.get_by_role("button", name="Undo").click()
    page.wait(IS, ["drawn", drawn])


# --- what happens inside ------------------------------------------------------------------------


def point_at(page, across, up):
    """Put the mouse on the large picture, at shares of its width and height."""
    box = page.locator("#boundary canvas").first.bounding_box()
    page.mouse.move(box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"])


def place_of(page, panel):
    """The coordinates that a panel says it is about."""
    said = page.inner_text(f"#{panel}-panel .at").replace("−", "-")
    return tuple(map(float, re.search(r"\(([-.\d]+), ([-.\d]+)\)", said).groups()))


def test_formulas_follow_the_point_and_have_its_numbers(page):
    page.wait("() => document.querySelectorAll('#formulas-panel math').length > 5")
    seen = [place_of(page, "formulas")]
    for across, up in ((0.3, 0.8), (0.8, 0.3)):
        point_at(page, across, up)
        page.wait(
            "said => document.querySelector('#formulas-panel .at').textContent !== said",
            page.inner_text("#formulas-panel .at"),
        )
        page.wait_for_timeout(700)  # until what follows the point has come to rest
        seen.append(place_of(page, "formulas"))
    (x, y), (x_before, y_before) = seen[2], seen[1]
    assert x > x_before
    assert y < y_before
    text = page.text_content("#formulas-panel .body").replace("−", "-")
    numbers = [float(one) for one in re.findall(r"-?\d+\.\d+", text)]
    look = page.ask("look", x=x, y=y)
    for value in (x, y, max(look["output"]["probabilities"])):
        assert any(abs(one - value) < 2e-3 for one in numbers), value


def test_the_neuron_looked_at_is_marked_in_the_formulas(page):
    page.wait("() => document.querySelectorAll('#formulas-panel [data-neuron]').length > 5")
    page.locator(".network-cells .neuron").nth(3).focus()
    page.wait("() => document.querySelector('#formulas-panel .looked')")
    marked = page.get_attribute("#formulas-panel .looked", "data-neuron")
    assert marked == "1.1"  # after two features, the second of the first hidden layer


def test_the_graph_shows_numbers_and_zooms(page):
    page.get_by_role("tab", name="Graph").click()
    page.wait("() => document.querySelectorAll('#graph-panel svg text').length > 10")
    numbers = re.findall(r"[-−]?\d*\.\d+", page.text_content("#graph-panel svg"))
    assert len(numbers) > 10
    page.locator(".network-cells .neuron").nth(3).focus()
    page.wait("() => document.querySelector('#graph-panel .looked')")
    title = page.text_content("#graph-panel .looked > title")
    assert title.split(" = ")[0] in ("z1,2", "a1,2")
    width = "document.querySelector('#graph-panel svg').getBoundingClientRect().width"
    before = page.evaluate(width)
    page.get_by_role("button", name="Larger").click()
    assert page.evaluate(width) > before * 1.1
    page.get_by_role("button", name="As wide as").click()
    assert page.evaluate(width) <= page.evaluate(
        "document.querySelector('#graph-panel .body').clientWidth"
    )


def test_sizes_of_gradients_stand_under_their_tab(page):
    page.train()
    page.get_by_role("tab", name="Gradients").click()
    assert page.locator("#sizes").is_visible()
    assert page.locator("#sizes").inner_text().strip()


# --- the doctor, and what is given away ---------------------------------------------------------


def test_the_doctor_speaks_and_applying_helps(open_page):
    page = open_page("plane", RUINOUS, allowed=("422",))
    page.evaluate("experiment.play()")
    page.wait_frame("frame => Boolean(frame.finding?.apply)", 40)
    finding = page.frame("finding")
    remark = page.inner_text("#remark")
    assert finding["title"] in remark
    assert finding["evidence"] in remark
    apply = page.locator("#remark button")
    assert apply.inner_text() == finding["apply"]["label"]
    apply.click()
    page.wait("() => experiment.settings.lr < 100")
    frame = page.train("frame => frame.score.test >= 0.9", 40)
    assert frame["score"]["test"] >= 0.9


def test_the_script_repeats_the_run(open_page, tmp_path):
    page = open_page("plane", "#data=spiral&layers=6&seed=2&points=120")
    page.train("frame => frame.steps >= 300")
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
    printed = [float(number) for number in re.findall(r"\d+\.\d+(?:e[-+]?\d+)?", run.stdout)]
    expected = page.frame("loss.train")
    assert any(one == pytest.approx(expected, rel=1e-5) for one in printed), (run.stdout, expected)


def test_every_file_can_be_had(page):
    page.train()
    page.click("summary:has-text('Export')")
    for name, begins in (("model", b"{"), ("data", b""), ("picture", b"<")):
        assert page.locator(f'[data-export="{name}"]').is_visible()
        content = page.fetch(name)
        assert len(content) > 100
        assert content.lstrip().startswith(begins)


# --- without a mouse, on a phone ----------------------------------------------------------------


def test_by_keyboard_alone(page):
    page.keyboard.press("Space")
    page.wait_frame("frame => frame.play.playing && frame.steps > 20")
    page.keyboard.press("Space")
    page.wait_frame("frame => !frame.play.playing")
    page.wait_for_timeout(500)  # until the steps under way have been taken and shown
    steps = page.frame("steps")
    page.keyboard.press("s")
    page.wait_frame(f"frame => frame.steps === {steps + 1}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.closest('[data-setting]')?.dataset.setting ?? "
                "document.activeElement.closest('[id]')?.id"
            )
        )
    assert reached >= {"data", "points", "noise", "features", "lr", "optimizer", "activation"}
    assert reached >= {"formulas-tab", "more"}
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_tabs_obey_the_arrow_keys(page):
    page.focus("#formulas-tab")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#graph-tab", "aria-selected") == "true"
    assert page.locator("#graph-panel").is_visible()
    assert not page.locator("#formulas-panel").is_visible()


def test_on_a_phone_nothing_is_too_wide_and_the_picture_comes_first(open_page):
    page = open_page("plane", **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    top = "id => document.getElementById(id).getBoundingClientRect().top"
    tops = [page.evaluate(top, id) for id in ("boundary", "network", "chooser")]
    assert tops == sorted(tops)
    small = page.evaluate(
        """() => [...document.querySelectorAll(".transport button, .transport select, .tile")]
            .filter((one) => one.checkVisibility())
            .filter((one) => one.getBoundingClientRect().height < 40).length"""
    )
    assert small == 0


def test_nothing_moves_while_it_loads(open_page):
    page = open_page("plane")
    page.train("frame => frame.steps > 300")
    moved = page.evaluate(
        """() => new Promise((done) => {
            new PerformanceObserver((list) => done(
                list.getEntries().filter((one) => !one.hadRecentInput)
                    .reduce((sum, one) => sum + one.value, 0),
            )).observe({ type: "layout-shift", buffered: true });
            setTimeout(() => done(0), 500);
        })"""
    )
    assert moved < 0.01
