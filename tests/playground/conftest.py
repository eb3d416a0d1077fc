"""A service and a Chromium for tests of the pages, which must stay free of errors."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_NAMES = "chromium", "chromium-browser", "google-chrome", "chrome"
_PATIENCE = 60_000  # milliseconds, on however busy a machine

# How much of what was drawn has jumped, but for what a person's own doing moved.
_WATCH = """
globalThis.jumps = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    if (hadRecentInput) continue;
    const nodes = sources.map(({ node, previousRect: from, currentRect: to }) => {
      const name = node?.id || node?.getAttribute?.("aria-labelledby") || node?.className;
      return `${name || node?.nodeName}: ${from.x},${from.y} to ${to.x},${to.y}`;
    });
    globalThis.jumps.push({ value, nodes });
  }
}).observe({ type: "layout-shift", buffered: true });
"""


class Opened:
    """A page of the playground that shows its first frame; other names are those of its tab.

    Args:
        page: the tab.
        answer: what the service sent for the page itself.
    """

    def __init__(self, page: Any, answer: Any) -> None:
        self.page, self.answer = page, answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as the page has them."""
        return self.page.evaluate("experiment.settings")

    def frame(self, path: str = "") -> Any:
        """The frame that is shown, or a part such as "loss.train"; arrays are nested lists."""
        return self.page.evaluate(
            """path => {
                const part = path.split(".").reduce((one, name) => one?.[name], experiment.frame);
                const whole = path ? part : experiment.frame;
                const nested = (values, shape) => shape.length < 2 ? Array.from(values) :
                    Array.from({ length: shape[0] }, (_, i) => {
                        const size = values.length / shape[0];
                        return nested(values.slice(i * size, (i + 1) * size), shape.slice(1));
                    });
                const plain = (one) => ArrayBuffer.isView(one) ? nested(one, one.shape) :
                    Array.isArray(one) ? one.map(plain) : one && typeof one === "object" ?
                    Object.fromEntries(Object.entries(one).map(([k, v]) => [k, plain(v)])) : one;
                return plain(whole ?? null);
            }""",
            path,
        )

    def change(self, **given: Any) -> dict[str, Any]:
        """Set something as the page's controls do; the settings as they are then."""
        assert self.page.evaluate("given => experiment.change(given)", given), self.said
        return self.settings

    def ask(self, question: str, **values: Any) -> Any:
        """The answer to a question; arrays are flat, as objects of places and values."""
        return self.page.evaluate("([q, v]) => experiment.ask(q, v)", [question, values])

    @property
    def said(self) -> str:
        """What the line at the bottom says."""
        return self.page.inner_text("#status")

    def wait(self, condition: str, argument: Any = None, seconds: float = _PATIENCE / 1000) -> None:
        """Wait until a JavaScript function of `argument` holds."""
        self.page.wait_for_function(condition, arg=argument, timeout=1000 * seconds)

    def wait_frame(self, condition: str, seconds: float = _PATIENCE / 1000) -> None:
        """Wait until a JavaScript function of the frame holds."""
        self.wait(
            f"() => Boolean(experiment.frame) && ({condition})(experiment.frame)", None, seconds
        )

    def train(
        self, until: str = "frame => frame.steps >= 100", seconds: float = _PATIENCE / 1000
    ) -> Any:
        """Play until a JavaScript function of the frame holds, then pause; returns the frame."""
        self.page.evaluate("experiment.play()")
        try:
            self.wait_frame(until, seconds)
        finally:
            self.page.evaluate("experiment.play(false)")
        self.wait_frame("frame => !frame.play.playing")
        return self.frame()

    def fetch(self, name: str) -> bytes:
        """A file of the experiment."""
        address = self.page.evaluate(
            "name => new URL(experiment.download(name), document.baseURI).href", name
        )
        answer = self.page.request.get(address)
        assert answer.ok, answer.text()
        return answer.body()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask a second time what a browser did not answer in time; other failures stand."""
    again = pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError"])
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(again)


@pytest.fixture(scope="session")
def playground() -> Iterator[Any]:
    """The service with all pages, at a free port, for as long as the process tests."""
    pytest.importorskip("starlette", reason="the playground needs starlette")
    pytest.importorskip("uvicorn", reason="the playground needs uvicorn")
    from chainrule.playground import Descent, Digits, Plane
    from chainrule.playground.service.server import Playground

    with Playground({"plane": Plane, "digits": Digits, "descent": Descent}) as found:
        yield found


# Not of the session: what plays the browser leaves a loop of asyncio running in this thread, and
# other modules' tests could run none of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window; the test is skipped where there is none."""
    pytest.importorskip(
        "playwright", reason="pages are tested by playwright, which is not installed"
    )
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("pages are tested in a Chromium, and there is none on the path")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"]
    with sync_playwright() as player:
        found = player.chromium.launch(executable_path=program, args=flags)
        yield found
        found.close()


@contextlib.contextmanager
def _opening(browser: Any, playground: Any) -> Iterator[Callable[..., Opened]]:
    """What opens pages by name and settings in the address; any error in one fails in the end."""
    contexts, faults = [], []

    def opened(
        name: str,
        hash: str = "",
        *,
        allowed: tuple[str, ...] = (),
        ready: bool = True,
        **options: Any,
    ) -> Opened:
        context = browser.new_context(**{"accept_downloads": True, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)

        def note(sentence: str) -> None:
            if not any(re.search(one, sentence) for one in allowed):
                faults.append(f"{name}: {sentence}")

        def hear(message: Any) -> None:
            if message.type in ("error", "warning"):
                note(f"{message.text} {message.location.get('url', '')}")

        def look(request: Any) -> None:
            if not request.url.startswith((playground.address, "data:", "blob:")):
                note(f"asks for {request.url}, which is not the service's")

        page.on("console", hear)
        page.on("pageerror", lambda error: note(f"{error}"))
        page.on("request", look)
        page.add_init_script(_WATCH)
        answer = page.goto(f"{playground.address}{name}{hash}")
        end = time.monotonic() + _PATIENCE / 1000
        while ready and page.locator("html[data-ready]").count() == 0:
            said = page.inner_text("#status")
            assert not faults, "\n".join(faults)
            assert time.monotonic() < end, f"{name} shows no frame, and says {said!r}"
            page.wait_for_timeout(20)
        return Opened(page, answer)

    yield opened
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="module")
def opening(browser: Any, playground: Any) -> Callable[[], Any]:
    """What `open_page` opens with, for fixtures of other scopes: `with opening() as open_page`."""
    return lambda: _opening(browser, playground)


@pytest.fixture
def open_page(opening: Callable[[], Any]) -> Iterator[Callable[..., Opened]]:
    """Opens a page by name and settings in the address; any error in one fails the test.

    `open_page("plane", "#seed=3", viewport={"width": 390, "height": 844}, color_scheme="dark")`.
    What the test expects to fail stands in `allowed`, as regular expressions.
    """
    with opening() as opened:
        yield opened
