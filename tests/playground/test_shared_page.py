"""What all pages have in common: the address, orders, sliders, keys, charts, a lost connection."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.playground import Descent, Digits, Plane
from chainrule.playground.engine.settings import (
    Amount,
    Choice,
    Count,
    Flag,
    Points,
    Several,
    Sizes,
    settle,
)

PAGES = {"plane": Plane, "digits": Digits, "descent": Descent}


def module(page, name, body, *arguments):
    """The result of JavaScript that has a module of the pages as `m` and arguments as `a`."""
    return page.evaluate(
        f"""async ([name, a]) => {{
            const m = await import(new URL(`shared/${{name}}.js`, document.baseURI).href);
            {body}
        }}""",
        [name, arguments],
    )


@pytest.fixture(scope="module")
def still(opening):
    """A page that no test changes."""
    with opening() as opened:
        yield opened("descent")


# --- the address --------------------------------------------------------------------------------

TABLE = {
    "choice": Choice(label="", usual="a b", options={"a b": "", "c&d": "", "#=;,%+": ""}),
    "several": Several(label="", usual=["p"], options={"p": "", "q^2": "", "r": ""}),
    "flag": Flag(label="", usual=True),
    "amount": Amount(label="", usual=0.1, low=-1e9, high=1e9),
    "count": Count(label="", usual=3, low=-(2**53), high=2**53),
    "sizes": Sizes(label="", usual=[4, 4], most=9, high=10_000),
    "points": Points(label="", usual=[], most=50, span=2.0),
}
PLAIN = {name: setting.plain() for name, setting in TABLE.items()}
THOUSANDTHS = st.integers(-2000, 2000).map(lambda one: one / 1000)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "choice": st.sampled_from([*TABLE["choice"].options]),
        "several": st.lists(st.sampled_from(["p", "q^2", "r"]), min_size=1, unique=True),
        "flag": st.booleans(),
        "amount": st.floats(-1e9, 1e9).map(lambda one: one or 0.0),
        "count": st.integers(-(2**53), 2**53),
        "sizes": st.lists(st.integers(1, 10_000), max_size=9),
        "points": st.lists(st.tuples(THOUSANDTHS, THOUSANDTHS, st.integers(0, 7)), max_size=50),
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES)
def test_settings_come_back_from_an_address(still, values):
    wanted = settle(TABLE, {**values, "points": [list(one) for one in values.get("points", [])]})
    hash, back = module(
        still,
        "address",
        "const hash = m.hashOf(a[0], a[1]); return [hash, m.settingsOf(hash, a[1])];",
        wanted,
        PLAIN,
    )
    assert settle(TABLE, back) == wanted
    assert re.fullmatch(r"(#[\w.~!*'(),;:@/?=&%+-]*)?", hash)
    # What is as usual is not said.
    assert set(back) == {name for name in TABLE if wanted[name] != TABLE[name].usual}


def test_what_an_address_may_also_hold(still):
    read = "return m.settingsOf(a[0], a[1]);"
    assert module(still, "address", read, "", PLAIN) == {}
    assert module(still, "address", read, "#main", PLAIN) == {}
    assert module(still, "address", read, "#amount=&count=x&sizes=3,x&flag=yes", PLAIN) == {
        "amount": "",
        "count": "x",
        "sizes": [3, "x"],
        "flag": "yes",
    }
    odd = "#__proto__=1&constructor=2&toString=3&amount=0.5&amont=1&%zz=%"
    assert module(still, "address", read, odd, PLAIN) == {"amount": 0.5}
    unknown = module(still, "address", "return m.unknownIn(a[0], a[1]);", odd, PLAIN)
    assert unknown == ["__proto__", "constructor", "toString", "amont", "%zz"]


@pytest.mark.parametrize("name", PAGES)
def test_the_link_of_an_experiment_brings_it_back(open_page, name):
    page = open_page(name)
    wanted = {
        key: value
        for key, setting in PAGES[name].SETTINGS.items()
        if (value := other(setting)) is not None and key in ("seed", "lr", "layers", "momentum")
    }
    assert wanted
    settled = page.change(**wanted)
    page.wait("() => location.hash.length > 1")
    again = open_page(name, "#" + page.url.partition("#")[2])
    assert again.settings == settled
    assert again.said == ""


def other(setting):
    """A value that is not the usual one."""
    if isinstance(setting, Sizes):
        return [3, *setting.usual][: setting.most]
    if isinstance(setting, Count):
        return setting.low if setting.usual != setting.low else setting.low + 1
    if isinstance(setting, Amount):
        stops = [*setting.steps, setting.low, setting.high]
        return next(one for one in stops if one != setting.usual)
    return None


def test_an_address_with_unknown_names_and_wrong_values(open_page):
    page = open_page("plane", "#seed=7&colour=red&layers=3,2")
    assert (page.settings["seed"], page.settings["layers"]) == (7, [3, 2])
    assert '"colour"' in page.said
    page = open_page("plane", "#seed=8&noise=lots&layers=5", allowed=("422",))
    assert (page.settings["seed"], page.settings["layers"]) == (8, [5])
    assert page.said.startswith("noise must be")


def test_the_address_edited_by_hand(open_page):
    page = open_page("plane", "#seed=3", allowed=("422",))
    page.evaluate("location.hash = 'seed=4&layers=2'")
    page.wait("() => experiment.settings.seed === 4")
    assert page.settings["layers"] == [2]
    page.go_back()
    page.wait("() => experiment.settings.seed === 3")
    assert page.settings["layers"] == Plane.SETTINGS["layers"].usual
    page.evaluate("location.hash = 'seed=-1'")
    page.wait("() => document.getElementById('status').textContent.startsWith('seed must be')")
    page.wait("() => location.hash === '#seed=3'")
    page.evaluate("location.hash = 'main'")  # as the link for keyboards does
    page.wait("() => location.hash === '#seed=3'")
    assert page.settings["seed"] == 3


def test_a_very_long_address(open_page):
    points = ";".join(f"{i % 400 / 100 - 2:.2f},{i % 7 / 7:.3f},{i % 2}" for i in range(2000))
    page = open_page("plane", f"#data=drawn&drawn={points}")
    assert len(page.settings["drawn"]) == 2000
    page.change(seed=5)
    page.wait("() => location.hash.includes('seed=5')")
    again = open_page("plane", "#" + page.url.partition("#")[2])
    assert again.settings == page.settings


# --- files --------------------------------------------------------------------------------------


def test_every_file_of_the_pages_is_served(still):
    """By its own name, but for the pages themselves, which are asked for without a suffix."""
    folder = files("chainrule.playground") / "pages"
    for part in folder.iterdir():
        for file in part.iterdir():
            name = part.name if file.name == "index.html" else f"{part.name}/{file.name}"
            answer = still.page.request.get(still.url.rpartition("/")[0] + "/" + name)
            assert answer.body() == file.read_bytes(), name
            assert answer.headers["content-type"].startswith(("text/", "image/svg+xml"))


# --- orders -------------------------------------------------------------------------------------


def test_changes_arrive_in_the_order_in_which_they_were_made(open_page):
    page = open_page("plane")
    done = page.evaluate(
        """() => Promise.all([
            experiment.change({ seed: 1 }), experiment.change({ seed: 2 }), experiment.undo(),
            experiment.change({ seed: 3 }), experiment.change({ noise: 0 }), experiment.undo(),
        ])"""
    )
    assert all(done)
    assert page.settings["seed"] == 3
    assert page.settings["noise"] == Plane.SETTINGS["noise"].usual


def test_a_drag_sends_the_latest_only_and_is_undone_as_one(open_page):
    page = open_page("plane")
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.evaluate(
        """async () => {
            await experiment.change({ lr: 0.5 });
            await Promise.all(Array.from({ length: 60 }, (_, i) =>
                experiment.change({ lr: 0.01 + i / 1000 }, { same: true })));
        }"""
    )
    assert page.settings["lr"] == pytest.approx(0.069)
    assert 1 <= asked.count("adjust") <= 5
    page.evaluate("experiment.undo()")
    page.wait("usual => experiment.settings.lr === usual", Plane.SETTINGS["lr"].usual)


def with_controls(page, *names):
    """Puts controls of settings on top of a page, and returns what finds them."""
    module(
        page,
        "controls",
        """
        const box = m.element("div", { id: "probe", style: "position: fixed; inset: 0 0 auto; " +
            "z-index: 99; background: var(--paper); width: 300px" });
        document.body.prepend(box);
        for (const name of a[0]) box.append(m.control(experiment, name));
        """,
        names,
    )
    return lambda name, kind: page.locator(f"#probe [data-setting={name}] input[type={kind}]")


def drag(page, slider, *shares):
    box = slider.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, height)
    page.mouse.down()
    for share in shares:
        page.mouse.move(box["x"] + share * box["width"], height)


def test_a_live_slider_changes_while_it_is_dragged(open_page):
    page = open_page("plane")
    find = with_controls(page, "lr")
    usual = page.settings["lr"]
    drag(page, find("lr", "range"), 0.3, 0.2, 0.1)
    page.wait("usual => experiment.settings.lr !== usual", usual)
    page.mouse.move(find("lr", "range").bounding_box()["x"] + 280, 20)
    shown = float(find("lr", "number").input_value())
    page.wait("shown => Math.abs(experiment.settings.lr - shown) < 1e-9", shown)
    page.mouse.up()
    page.wait_frame("frame => frame.play.undo")
    page.evaluate("experiment.undo()")
    page.wait("usual => experiment.settings.lr === usual", usual)
    page.wait_frame("frame => !frame.play.undo")
    assert float(find("lr", "number").input_value()) == usual


def test_another_slider_changes_when_it_is_let_go(open_page):
    page = open_page("plane")
    find = with_controls(page, "noise")
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    usual = page.settings["noise"]
    drag(page, find("noise", "range"), 0.9, 0.95)
    shown = float(find("noise", "number").input_value())
    assert shown != usual
    page.wait_for_timeout(100)
    assert "change" not in asked
    page.mouse.up()
    page.wait("shown => experiment.settings.noise === shown", shown)
    assert asked.count("change") + asked.count("adjust") == 1


def test_a_typed_value_that_cannot_be_is_refused_and_goes(open_page):
    page = open_page("plane", allowed=("422",))
    find = with_controls(page, "noise", "seed")
    for text, name in (("99999", "noise"), ("-1", "seed")):
        usual = page.settings[name]
        find(name, "number").fill(text)
        find(name, "number").press("Enter")
        page.wait("name => document.getElementById('status').textContent.startsWith(name)", name)
        assert float(find(name, "number").input_value()) == usual
    page.keyboard.press("Escape")
    assert page.said == ""


# --- keys ---------------------------------------------------------------------------------------


def test_keys_play_step_begin_anew_and_undo(open_page):
    page = open_page("plane")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("s")
    page.wait_frame("frame => frame.steps === 1")
    page.keyboard.press(" ")
    page.wait_frame("frame => frame.play.playing && frame.steps > 3")
    page.keyboard.press(" ")
    page.wait_frame("frame => !frame.play.playing")
    page.keyboard.press("r")
    page.wait_frame("frame => frame.steps === 0")
    page.keyboard.press("Control+z")
    page.wait_frame("frame => frame.steps > 3 && frame.play.redo")
    page.keyboard.press("Control+Shift+Z")
    page.wait_frame("frame => frame.steps === 0 && !frame.play.redo")
    page.keyboard.press("Control+z")
    page.wait_frame("frame => frame.play.redo")
    page.keyboard.press("Control+y")
    page.wait_frame("frame => !frame.play.redo")


def test_keys_are_the_controls_where_these_have_a_use_for_them(open_page):
    page = open_page("plane", allowed=("422",))
    find = with_controls(page, "noise", "features")
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    number, tick = find("noise", "number"), find("features", "checkbox").last
    number.focus()
    for key in ("s", "r", " ", "?", "Control+z"):
        page.keyboard.press(key)
    tick.focus()
    page.keyboard.press(" ")
    page.wait("() => experiment.settings.features.length > 2")
    assert not {"play", "restart", "undo"} & set(asked)
    assert page.locator("dialog[open]").count() == 0
    find("noise", "range").focus()  # which has no use for this one
    page.keyboard.press("s")
    page.wait_frame("frame => frame.steps === 1")


def test_the_space_bar_pressed_quickly_is_an_order_each_time(open_page):
    page = open_page("plane")
    page.evaluate("document.activeElement.blur()")
    orders = []
    page.on("request", lambda one: one.url.endswith("/play") and orders.append(one.post_data))
    for _ in range(3):
        page.keyboard.press(" ")
    until = "() => performance.getEntriesByType('resource').filter(one => /play$/.test(one.name))"
    page.wait(f"{until}.length === 3")
    page.wait_frame("frame => frame.play.playing && frame.steps > 3")
    assert orders == ['{"playing":true}', '{"playing":false}', '{"playing":true}']


@pytest.mark.parametrize("name", PAGES)
def test_the_help_opens_and_closes_and_holds_the_keys(open_page, name):
    page = open_page(name)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    dialog = page.locator("dialog[open]")
    assert dialog.locator("kbd").count() >= 3
    steps = page.frame("steps")
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.wait_for_timeout(50)
    assert page.frame("steps") == steps
    page.get_by_role("button", name="Help", exact=True).click()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")


def test_the_bar_undoes_what_there_is_to_undo(open_page):
    page = open_page("plane")
    undo, redo = (page.get_by_role("button", name=one, exact=True) for one in ("Undo", "Redo"))
    assert undo.is_disabled()
    assert redo.is_disabled()
    page.change(seed=9)
    undo.click()  # waits until it can be
    page.wait("() => experiment.settings.seed !== 9")
    page.wait_frame("frame => !frame.play.undo")
    assert undo.is_disabled()
    redo.click()
    page.wait("() => experiment.settings.seed === 9")
    page.get_by_role("button", name="Play").click()
    page.wait_frame("frame => frame.steps > 2")
    page.get_by_role("button", name="Pause").click()
    page.wait_frame("frame => !frame.play.playing")


# --- when something is lost ---------------------------------------------------------------------


def test_an_experiment_that_has_ended_begins_anew_with_its_settings(open_page):
    page = open_page("plane", allowed=("410", "ERR_"))
    page.change(seed=6, layers=[3])
    page.evaluate("experiment.play()")
    page.wait_frame("frame => frame.play.playing && frame.steps > 0")
    before = page.evaluate("experiment.name")
    page.evaluate("name => fetch(`api/${name}/close`, { method: 'POST' })", before)
    page.wait("before => experiment.name !== before", before)
    page.wait_frame("frame => frame.play.playing && frame.steps > 0")
    assert (page.settings["seed"], page.settings["layers"]) == (6, [3])
    assert "begun anew" in page.said
    page.wait("() => location.hash.includes('seed=6')")


def test_a_connection_that_breaks_is_made_again(open_page):
    page = open_page("plane")
    page.change(seed=6)
    before = page.evaluate("experiment.name")
    page.evaluate("experiment.stream.onerror()")
    assert "connection is lost" in page.said
    page.wait("() => document.getElementById('status').textContent === ''")
    page.evaluate("experiment.step(3)")
    page.wait_frame("frame => frame.steps === 3")
    assert page.evaluate("experiment.name") == before


def test_without_a_service_the_page_says_what_to_do(browser, playground):
    from chainrule.playground.service.server import Playground

    context = browser.new_context()
    page = context.new_page()
    with Playground({"descent": Descent}) as other_service:
        page.goto(other_service.address + "descent")
        page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_function("() => /start chainrule play/.test(document.body.innerText)")
    context.close()


# --- drawings -----------------------------------------------------------------------------------


def test_arrays_come_as_they_were_sent(still):
    import numpy as np

    from chainrule.playground.service.encoding import encoded

    sent = {
        "f": np.array([[1.5, np.nan, np.inf]], np.float32),
        "b": np.arange(250, 256, dtype=np.uint8).reshape(3, 2),
        "i": np.array([-(2**31), 2**31 - 1], np.int32),
        "s": np.array([-128, 127], np.int8),
        "none": np.zeros((0, 3), np.float32),
        "plain": [{"$": "f"}, None, float("nan"), "ü"],
    }
    told = module(
        still,
        "api",
        """const found = m.decoded(JSON.parse(a[0]));
        const say = (one) => [one.constructor.name, one.shape, Array.from(one, String)];
        return [...["f", "b", "i", "s", "none"].map((name) => say(found[name])), found.plain];""",
        encoded(sent).decode(),
    )
    assert told[0] == ["Float32Array", [1, 3], ["1.5", "NaN", "Infinity"]]
    assert told[1] == ["Uint8Array", [3, 2], ["250", "251", "252", "253", "254", "255"]]
    assert told[2] == ["Int32Array", [2], ["-2147483648", "2147483647"]]
    assert told[3] == ["Int8Array", [2], ["-128", "127"]]
    assert told[4] == ["Float32Array", [0, 3], []]
    assert told[5] == [{"$": "f"}, None, None, "ü"]


CHART = """
const box = document.createElement("div");
box.id = "probe";
box.style = "width: 400px; position: fixed; inset: 0 auto auto 0; z-index: 99";
document.body.prepend(box);
"""


def test_a_chart_is_read_with_the_arrow_keys_and_by_its_label(open_page):
    page = open_page("descent")
    module(
        page,
        "charts",
        CHART
        + """
        const series = [{ name: "train", label: "training" }];
        const chart = m.lineChart(box, { label: "Loss", series });
        chart.show({ x: [0, 1, 2], series: [{ name: "train", values: [4, NaN, 0.25] }] });
        """,
    )
    canvas, readout = page.locator("#probe canvas"), page.locator("#probe .chart-readout")
    assert canvas.get_attribute("aria-label") == "Loss. epoch 2: training 0.250"
    assert not readout.is_visible()
    canvas.focus()
    for key, said in (
        ("ArrowLeft", "epoch 1: training –"),
        ("Home", "epoch 0: training 4"),
        ("ArrowLeft", "epoch 0: training 4"),
        ("End", "epoch 2: training 0.250"),
    ):
        page.keyboard.press(key)
        assert readout.inner_text() == said
    page.keyboard.press("Escape")
    assert not readout.is_visible()
    before = canvas.screenshot()
    page.get_by_label("log scale").first.check()
    assert canvas.screenshot() != before
    canvas.hover(position={"x": 50, "y": 60})
    assert readout.inner_text() == "epoch 0: training 4"


def test_drawings_follow_the_scheme(open_page):
    page = open_page("descent", color_scheme="light")
    look = """
        for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame); // it is told by then
        const canvas = document.createElement("canvas");
        m.paint(canvas, Uint8Array.of(0, 128, 255), 1, 3, m.table("diverging"));
        return [...canvas.getContext("2d").getImageData(0, 0, 3, 1).data];
    """
    light = module(page, "palette", look)
    page.emulate_media(color_scheme="dark")
    dark = module(page, "palette", look)
    assert light[:3] == [0xD5, 0x5E, 0x00]
    assert light[8:11] == [0x00, 0x72, 0xB2]
    assert min(light[4:7]) > 230  # nothing is the colour of the paper, or nearly
    assert max(dark[4:7]) < 50
    assert light[3::4] == dark[3::4] == [255] * 3


TICKS = [
    ("evenTicks", (0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ("evenTicks", (0, 0.3, 3), [0, 0.1, 0.2, 0.3]),
    ("evenTicks", (-7, 23, 3), [0, 10, 20]),
    ("evenTicks", (5, 5, 3), [5]),
    ("logTicks", (0.001, 10, 5), [0.001, 0.01, 0.1, 1, 10]),
    ("logTicks", (0.3, 3, 5), [0.5, 1, 2]),
    ("tickText", (12000,), "12k"),
    ("tickText", (0.30000000000000004,), "0.3"),
    ("tickText", (0.00001,), "1e-5"),
    ("figure", (0.123456,), "0.123"),
    ("figure", (12345.6,), "12,346"),
    ("figure", (7,), "7"),
    ("figure", (None,), "–"),
]


@pytest.mark.parametrize(("name", "given", "wanted"), TICKS, ids=range(len(TICKS)))
def test_numbers_along_axes(still, name, given, wanted):
    assert module(still, "ticks", "return m[a[0]](...a[1]);", name, given) == wanted


def test_only_the_latest_of_what_takes_time_is_done(still):
    done = module(
        still,
        "timing",
        """
        const done = [];
        const call = m.latest(async (value) => { await m.later(20); done.push(value); });
        for (const value of [1, 2, 3]) call(value);
        await m.later(120);
        const seldom = [];
        const say = m.seldom((value) => seldom.push(value), 40);
        for (const value of [1, 2, 3]) say(value);
        await m.later(100);
        return [done, seldom];
        """,
    )
    assert done == [[1, 3], [1, 3]]
