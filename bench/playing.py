"""The playground measured: what a page costs the training that it shows, and when it is first seen.

`python -m bench.playing` trains the same experiments three ways in turn, several rounds, and writes
the medians to `bench/PLAYING.md`: the engine alone, by a loop of this program; the service with a
listener that reads every frame and draws nothing; and the page in a headless Chromium, which has to
be installed, as has playwright.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click

from bench.machine import facts, load_average
from chainrule.backend import threads
from chainrule.playground import Digits, Plane
from chainrule.playground.engine.session import Session

PAGE = Path(__file__).parent / "PLAYING.md"
WARM, MEASURED = 1.5, 4.0  # seconds


class Experiment(NamedTuple):
    """What is trained."""

    name: str
    page: str
    hash: str
    settings: dict[str, Any]


EXPERIMENTS = [
    Experiment("circles, 4 and 4 units", "plane", "", {}),
    Experiment(
        "circles, three layers of 16",
        "plane",
        "#layers=16,16,16&data=circles",
        {"layers": [16, 16, 16], "data": "circles"},
    ),
    Experiment("digits, as usual", "digits", "", {}),
]
KINDS: dict[str, type[Session]] = {"plane": Plane, "digits": Digits}


class Seen(NamedTuple):
    """What one round saw."""

    steps: float  # a second
    frames: float  # a second


# --- three ways ---------------------------------------------------------------------------------


def alone(experiment: Experiment) -> Seen:
    """The engine in a loop, without a player."""
    session = KINDS[experiment.page](**experiment.settings)
    with threads.policy(1):
        session.advance(time.perf_counter() + WARM)
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() < begun + MEASURED:
            steps += session.advance(time.perf_counter() + 0.01)
        return Seen(steps / (time.perf_counter() - begun), 0.0)


@contextlib.contextmanager
def service() -> Iterator[str]:
    """The address of a playground in a process of its own."""
    command = [sys.executable, "-u", "-m", "chainrule.cli", "play", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        try:
            yield address.rpartition("/")[0] + "/"
        finally:
            process.terminate()


def heard(experiment: Experiment) -> Seen:
    """A listener that reads the frames."""
    with service() as address:
        parts = urlsplit(address)
        name = asked(parts, "api/open", page=experiment.page, settings=experiment.settings)["name"]
        stream = http.client.HTTPConnection(str(parts.hostname), parts.port)
        stream.request("GET", f"{parts.path}api/{name}/frames")
        lines = stream.getresponse()
        asked(parts, f"api/{name}/play", playing=True)
        seen: list[tuple[float, int]] = []
        until = time.perf_counter() + WARM + MEASURED
        while time.perf_counter() < until:
            line = lines.readline()
            if line.startswith(b"data: "):
                seen.append((time.perf_counter(), json.loads(line[6:])["steps"]))
        stream.close()
    return seen_in([one for one in seen if one[0] > until - MEASURED])


def asked(parts: Any, path: str, **values: Any) -> Any:
    """The answer of the service."""
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    with contextlib.closing(connection):
        headers = {"content-type": "application/json"}
        connection.request("POST", parts.path + path, json.dumps(values), headers)
        return json.loads(connection.getresponse().read())


def seen_in(frames: list[tuple[float, int]]) -> Seen:
    """Rates between the first frame and the last."""
    (begun, first), (ended, last) = frames[0], frames[-1]
    return Seen((last - first) / (ended - begun), (len(frames) - 1) / (ended - begun))


WATCH = """async () => {
  const seen = [];
  experiment.onFrame((frame) => seen.push([performance.now() / 1000, frame.steps]));
  await experiment.pace(null);
  await experiment.play(true);
  await new Promise((done) => setTimeout(done, %d));
  const first = seen.findIndex(([at]) => at > performance.now() / 1000 - %f);
  return seen.slice(first);
}"""


def shown(experiment: Experiment, chromium: Any) -> Seen:
    """The page, drawn."""
    with service() as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address + experiment.page + experiment.hash)
        page.wait_for_function("() => globalThis.experiment?.frame")
        frames = page.evaluate(WATCH % (1000 * (WARM + MEASURED), MEASURED))
        page.close()
    return seen_in([(at, steps) for at, steps in frames])


# --- the first drawing --------------------------------------------------------------------------

SINCE = "performance.getEntriesByName('%s')[0].startTime"
MARKS = ("first-contentful-paint", "first frame")


def first_drawing(chromium: Any, name: str) -> tuple[float, float]:
    """Milliseconds until something is drawn, and until the first frame is there."""
    with service() as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address + name)
        page.wait_for_function("() => globalThis.experiment?.frame", polling="raf")
        page.wait_for_timeout(500)
        paint, frame = (page.evaluate(SINCE % mark) for mark in MARKS)
        page.close()
    return paint, frame


def started() -> float:
    """Seconds from the command until its address is printed."""
    begun = time.perf_counter()
    with service():
        seconds = time.perf_counter() - begun
        time.sleep(0.5)  # it is not told to end while it begins
    return seconds


# --- the page of figures ------------------------------------------------------------------------


def row(name: str, seen: list[list[Seen]]) -> str:
    """One experiment's figures: medians of all rounds."""
    engine, listener, page = (
        [statistics.median(value) for value in zip(*way, strict=True)]
        for way in zip(*seen, strict=True)
    )
    return (
        f"| {name} | {engine[0]:,.0f} | {listener[0]:,.0f} | {listener[0] / engine[0]:.2f} "
        f"| {listener[1]:.1f} | {page[0]:,.0f} | {page[0] / engine[0]:.2f} | {page[1]:.1f} |"
    )


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5)
def main(rounds: int) -> None:
    """Measure, and write the page."""
    from playwright.sync_api import sync_playwright

    load = load_average()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        rows = []
        for experiment in EXPERIMENTS:
            seen = [
                [alone(experiment), heard(experiment), shown(experiment, chromium)]
                for _ in range(rounds)
            ]
            rows.append(row(experiment.name, seen))
            click.echo(rows[-1])
        firsts = {
            name: [first_drawing(chromium, name) for _ in range(rounds)]
            for name in ("plane", "digits", "descent")
        }
    start = statistics.median(started() for _ in range(rounds))
    PAGE.write_text(page_of(load, rounds, rows, start, firsts), encoding="utf-8")


def page_of(
    load: float,
    rounds: int,
    rows: list[str],
    start: float,
    firsts: dict[str, list[tuple[float, float]]],
) -> str:
    """The page as Markdown."""
    seen = "\n".join(
        f"| {name} | {statistics.median(p for p, _ in found):,.0f} ms "
        f"| {statistics.median(f for _, f in found):,.0f} ms |"
        for name, found in firsts.items()
    )
    table = "\n".join(rows)
    about = ", ".join(f"{key} {value}" for key, value in facts().items())
    return f"""# The playground, measured

`python -m bench.playing` on {about}. {load:.1f} processes wanted to run when it began.
Medians of {rounds} rounds, the ways in turn, {MEASURED:.0f} s each; service and browser share the
machine.

Steps a second of the engine in a plain loop; of the service while somebody reads its frames; and of
the service while a headless Chromium draws the page. Beside each its share of the first, and the
frames a second that arrived.

| experiment | engine alone | read | share | frames/s | drawn | share | frames/s |
|---|--:|--:|--:|--:|--:|--:|--:|
{table}

The command prints its address after {start:.2f} s. From the request for a page until something is
drawn, and until the first frame of its experiment is there:

| page | first drawing | first frame |
|---|--:|--:|
{seen}
"""


if __name__ == "__main__":
    main()
