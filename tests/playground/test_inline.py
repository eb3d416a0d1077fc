"""`chainrule.play`: what it refuses, what it shows, and that pages read the addresses it makes."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import chainrule
from chainrule.errors import DataError, OptionError
from chainrule.playground import Descent, Digits, Plane, inline, play
from chainrule.playground.address import hash_of
from chainrule.playground.own_points import own_points

CODEC = """async ([settings, table, hash]) => {
    const codec = await import(new URL("shared/address.js", document.baseURI));
    return [codec.hashOf(settings, table), codec.settingsOf(hash, table)];
}"""

EXPERIMENTS = {
    "usual": (Plane, {}),
    "network": (Plane, {"layers": [8, 4, 2], "features": ["x1", "x1x2"], "lr": 1e-05}),
    "none": (Plane, {"layers": [], "noise": 0.05, "seed": 2**31 - 1}),
    "points": (Plane, {"data": "drawn", "drawn": [[0.1234567, -2, 0], [1e-9, 1.5, 7]]}),
    "flag": (Digits, {"augment": True}),
    "surface": (Descent, {"function": "saddle", "lr": 0.00001, "start_x": -0.5, "noise": 10}),
    "several": (Descent, {"optimizers": ["sgd", "adamw"], "lr": 1e-7, "lr_adaptive": 100}),
}


@pytest.fixture(autouse=True)
def none_left():
    """Every test ends the service that it began."""
    yield
    inline.Inline("", 100).close()


# --- the address --------------------------------------------------------------------------------


def test_the_page_writes_and_reads_the_same_addresses(open_page):
    page = open_page("descent")
    for name, (kind, given) in EXPERIMENTS.items():
        table = {one: setting.plain() for one, setting in kind.SETTINGS.items()}
        settings = {one: setting.usual for one, setting in kind.SETTINGS.items()}
        settings |= {one: kind.SETTINGS[one].check(one, value) for one, value in given.items()}
        told = hash_of(settings, kind.SETTINGS)
        written, read = page.evaluate(CODEC, [settings, table, told])
        assert told == written, name
        if name == "points":  # thousandths are enough for a drawing
            given = {**given, "drawn": [[0.123, -2, 0], [0, 1.5, 7]]}
        usual = {one: table[one]["usual"] for one in given}
        assert read == {one: value for one, value in given.items() if value != usual[one]}, name


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "error", "sentence"),
    [
        ({"page": "plan"}, OptionError, "there is no page 'plan'; .* did you mean 'plane'"),
        ({"layer": [2]}, OptionError, "there is no setting 'layer'.*did you mean 'layers'"),
        ({"layers": [0]}, OptionError, r"layers\[0\] must be a whole number from 1"),
        ({"data": "moon"}, OptionError, "data must be one of moons"),
        ({"height": 5}, OptionError, "height must be pixels from 100 to 10000, got 5"),
        ({"page": "descent", "function": "parabola", "start_x": 4}, OptionError, "from -3 to 3"),
        ({"page": "digits", "data": ([[0, 0]], [1])}, OptionError, "takes no data of your own"),
        ({"data": ([[0, 0, 0]], [1])}, DataError, r"x of shape \(N, 2\)"),
        ({"data": ([[0, 0]], [1, 2])}, DataError, r"got \(1, 2\) and \(2,\)"),
        ({"data": ([["a", "b"]], [1])}, DataError, "all numbers"),
        ({"data": ([[0.0, float("nan")]], [1])}, DataError, "not finite"),
        ({"data": ([[0.0, 0.0]], [float("inf")])}, DataError, "not finite"),
        ({"data": (np.zeros((5001, 2)), np.zeros(5001))}, DataError, "5,001 points.*5,000"),
        ({"data": (np.zeros((9, 2)), np.arange(9))}, OptionError, "class from 0 to 7"),
        ({"data": np.zeros(3)}, DataError, "data must be the name of some, or a pair"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_anything_starts(told, error, sentence):
    with pytest.raises(error, match=sentence):
        play(**told)
    assert inline._service is None


# --- own points ---------------------------------------------------------------------------------


def test_points_that_fit_stay_where_they_are():
    x = np.array([[-2.0, 0.5], [2.0, 1.0]])
    assert own_points((x, ["no", "yes"])) == {
        "data": "drawn",
        "drawn": [[-2.0, 0.5, 0.0], [2.0, 1.0, 1.0]],
        "drawn_as": "classes",
    }


def test_a_column_that_reaches_beyond_the_plane_is_scaled_to_it():
    x = np.array([[100.0, 0.5], [300.0, 1.0], [200.0, 0.0]])
    points = np.array(own_points((x, np.array([0.5, 1.5, 2.5])))["drawn"])
    np.testing.assert_allclose(points[:, 0], [-1.9, 1.9, 0.0], atol=1e-12)
    np.testing.assert_array_equal(points[:, 1:], [[0.5, 0.5], [1.0, 1.5], [0.0, 2.5]])


# --- the page -----------------------------------------------------------------------------------


def test_it_is_a_name_of_the_library():
    assert chainrule.play is play
    assert "play" in dir(chainrule)


def test_all_pages_of_a_process_share_one_service():
    one, other = play("descent"), play("plane", layers=[2])
    start = one.address.removesuffix("descent")
    assert other.address == f"{start}plane#layers=2"
    assert repr(one) == (f"the playground is at {one.address}; .open() shows it in the browser")
    one.close()
    again = play("descent")
    assert again.address != one.address


def test_it_opens_in_the_browser(monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = play("descent", steps=7)
    page.open()
    assert opened == [page.address]


@pytest.fixture
def notebook():
    """Gives HTML an address on this machine, as a notebook has one; ends with the test."""
    served = {}

    class Notebook(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(served["html"].encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Notebook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def give(html):
        served["html"] = f"<!doctype html><title>A notebook</title>{html}"
        return f"http://localhost:{server.server_port}/"

    yield give
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_notebook_shows_the_page_in_place(browser, notebook):
    x = np.random.default_rng(0).normal(size=(60, 2))
    shown = play(data=(x, (x[:, 0] > 0).astype(int)), layers=[3], height=700)
    faults = []
    context = browser.new_context()
    tab = context.new_page()
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(notebook(shown._repr_html_()))
    ready = tab.frame_locator("iframe").locator("html[data-ready]")
    ready.wait_for(state="attached", timeout=20_000)
    frame = tab.frames[1]
    settings = frame.evaluate("experiment.settings")
    assert settings["layers"] == [3]
    assert len(settings["drawn"]) == 60
    assert tab.locator("iframe").bounding_box()["height"] >= 700
    frame.evaluate("experiment.play()")
    frame.wait_for_function("() => experiment.frame.steps > 5", timeout=20_000)
    tab.locator("summary").click()
    picture = tab.locator("details img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    context.close()
    assert not faults


def test_hostile_settings_are_only_text():
    told = inline.Inline('http://x/"><script>', 300)._repr_html_()
    assert "<script" not in told
