"""The service measured: requests a second, a thousand clients, and clients that misbehave.

`python -m bench.serving` trains a small network, serves it in a process of its own, and writes what
it found to `bench/SERVING.md`. Requests a second are counted by wrk, which has to be installed;
everything else is asked by this program over plain sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from bench.machine import facts, load_average

PAGE = Path(__file__).parent / "SERVING.md"
SCRIPT = (
    'wrk.method = "POST"\nwrk.body = {body!r}\nwrk.headers["Content-Type"] = "application/json"\n'
)
PATIENCE = 120.0  # seconds after which a client is said to hang
MIB = 1 << 20


class Service(NamedTuple):
    """A running service: its process and its port."""

    process: subprocess.Popen[str]
    port: int

    @property
    def resident(self) -> float:
        """MiB of memory that it has now."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else float("nan")


@contextlib.contextmanager
def served(folder: str, options: str = "") -> Iterator[Service]:
    """Serve a run while the block lasts."""
    line = [sys.executable, "-u", "-m", "chainrule.cli", "serve", folder, "--port", "0"]
    process = subprocess.Popen([*line, *options.split()], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.readline()
    try:
        yield Service(process, int(re.findall(r":(\d+);", told)[0]))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def trained(folder: str) -> None:
    """Train the network that is asked: digits, 64 inputs, 128 hidden units, 10 classes."""
    line = "train digits --model mlp --hidden 128 --epochs 5 --seed 1 --out"
    command = [sys.executable, "-m", "chainrule.cli", *line.split(), folder]
    subprocess.run(command, check=True, capture_output=True)


def body(rows: int = 1) -> bytes:
    """A question about so many rows."""
    return json.dumps({"rows": [[float(k % 17) for k in range(64)]] * rows}).encode()


# --- requests a second --------------------------------------------------------------------------


def quick(service: Service, connections: int, seconds: int, rows: int, path: str) -> str:
    """One row of the table: what wrk finds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.format(body=body(rows).decode()) if path == "/predict" else "")
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        address = f"http://127.0.0.1:{service.port}{path}"
        run = subprocess.run(
            [*command, "-s", script.name, address], capture_output=True, text=True, check=True
        )
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", run.stdout)[0])
    half, most = (re.findall(rf"^ +{p}% +(\S+)$", run.stdout, re.M)[0] for p in (50, 99))
    failed = sum(map(int, re.findall(r"(\d+)(?=[,\n])", "".join(_wrong(run.stdout)))))
    return f"| {path} | {rows} | {connections} | {rate:,.0f} | {half} | {most} | {failed} |"


def _wrong(said: str) -> list[str]:
    return [f"{line}\n" for line in said.splitlines() if "Non-2xx" in line or "Socket err" in line]


# --- clients that are many, or that misbehave ---------------------------------------------------


async def _status(reader: asyncio.StreamReader) -> str:
    """The status of an answer, once it and the connection have ended."""
    content = b""
    with contextlib.suppress(ConnectionError):
        content = await reader.read()
    return content[9:12].decode() or "closed"


async def _send(port: int, parts: list[bytes], pause: float = 0.0) -> str:
    """Send parts with pauses between them, and return the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        answer = asyncio.create_task(_status(reader))
        for part in parts:
            writer.write(part)
            await writer.drain()
            if pause:
                await asyncio.wait([answer], timeout=pause)
                if answer.done():
                    break
        return await answer
    except (ConnectionError, BrokenPipeError):
        return "closed"
    finally:
        writer.close()


def post(content: bytes, more: str = "connection: close\r\n") -> bytes:
    """A request as it goes over the wire."""
    head = "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}{more}content-length: {len(content)}\r\n\r\n".encode() + content


def crowd(service: Service, count: int, ask: Callable[[int], Awaitable[str]]) -> str:
    """One row of the table: so many clients at the same moment."""

    async def everybody() -> Counter[str]:
        jobs = [asyncio.create_task(ask(k)) for k in range(count)]
        done, hanging = await asyncio.wait(jobs, timeout=PATIENCE)
        for job in hanging:
            job.cancel()
        failed = ("failed" if job.exception() else job.result() for job in done)
        return Counter([*failed, *["HANGS"] * len(hanging)])

    started = time.perf_counter()
    found = asyncio.run(everybody())
    seconds = time.perf_counter() - started
    told = ", ".join(f"{n:,} x {status}" for status, n in sorted(found.items()))
    return f"{count:,} | {told} | {seconds:.1f} s | {service.resident:.0f} MiB |"


def crowds(service: Service) -> Iterator[str]:
    """Rows of the table, one for each kind of client."""
    port = service.port
    large = b'{"rows": [' + b" " * (11 * MIB)
    garbage = [
        b"\0" * 100 + b"\r\n\r\n",
        post(b"{"),
        post(b"[" * 100_000),
        post(b'{"rows": [[1e999]]}'),
        post(b"\xff" * 1000, "content-type: image/png\r\nconnection: close\r\n"),
        b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    ]
    bytes_apart = [bytes([byte]) for byte in post(body())]
    endless = [post(b"")[:-4].replace(b"content-length: 0", b"content-length: 100") + b"\r\n\r\n{"]
    kinds: list[tuple[str, int, Callable[[int], Awaitable[str]]]] = [
        ("one row each", 1000, lambda _: _send(port, [post(body())])),
        ("100 rows each", 1000, lambda _: _send(port, [post(body(100))])),
        ("a body of 11 MiB", 50, lambda _: _send(port, [post(large)])),
        ("garbage of six kinds", 600, lambda k: _send(port, [garbage[k % 6]])),
        ("a byte a second", 200, lambda _: _send(port, bytes_apart, pause=1.0)),
        ("half a body, then silence", 200, lambda _: _send(port, endless)),
        ("silence", 200, lambda _: _send(port, [])),
    ]
    for name, count, ask in kinds:
        yield f"| {name} | {crowd(service, count, ask)}"
    yield f"| one row each, afterwards | {crowd(service, 1000, kinds[0][2])}"


def stopping(folder: str) -> str:
    """How long the service takes to stop while clients hang."""
    with served(folder) as service:

        async def hang() -> float:
            for start in (b"", b"GET / HT", post(b"{" * 9)[:-3]) * 20:
                _, writer = await asyncio.open_connection("127.0.0.1", service.port)
                writer.write(start)
                await writer.drain()
            await asyncio.sleep(0.5)
            started = time.perf_counter()
            service.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(service.process.wait, 60)
            return time.perf_counter() - started

        seconds = asyncio.run(hang())
        return f"Told to stop (SIGTERM) with 60 clients hanging, it ends after {seconds:.1f} s."


@click.command()
@click.option("--seconds", default=10, show_default=True, help="Of each measurement by wrk.")
@click.option("--timeout", default=5, show_default=True, help="That the service grants a request.")
@click.option("--keep/--no-keep", default=True, help="Write the page.")
def main(seconds: int, timeout: int, keep: bool) -> None:
    """Measure the service, and keep what was found in bench/SERVING.md."""
    if shutil.which("wrk") is None:
        raise click.ClickException("wrk counts the requests and is not installed")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    before = load_average()
    about = ", ".join(
        f"{k} {v}"
        for k, v in facts().items()
        if k in ("processor", "system", "Python", "chainrule", "numpy")
    )
    lines = [
        "# The service, measured",
        "",
        f"`python -m bench.serving` on {about}. {before:.1f} processes wanted to run when it "
        "began. wrk, its clients and the service share the machine.",
        "",
        "The network has 64 inputs, 128 hidden units and 10 classes. An answer names all ten.",
        "",
        "| address | rows a request | connections | requests/s | p50 | p99 | failed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]

    def tell(line: str) -> None:
        lines.append(line)
        click.echo(line)

    with tempfile.TemporaryDirectory() as home:
        folder = str(Path(home, "digits"))
        trained(folder)
        with served(folder) as service:
            for path, rows in (("/health", 1), ("/predict", 1), ("/predict", 100)):
                for connections in (1, 16, 64):
                    tell(quick(service, connections, seconds, rows, path))
        lines += [
            "",
            f"Clients at the same moment, a connection each, against a service with --timeout "
            f"{timeout}: how their requests end, how long it takes until the last one has, and the "
            "memory of the service afterwards.",
            "",
            "| each sends | clients | ends | after | memory |",
            "|---|--:|---|--:|--:|",
        ]
        with served(folder, f"--timeout {timeout}") as service:
            for line in crowds(service):
                tell(line)
        lines.append("")
        tell(stopping(folder))
    if keep:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
