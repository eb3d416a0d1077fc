"""The service as a process with an address: clients that are slow, rude, too many, and its end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

# A shell lets what it starts in the background ignore Ctrl-C, and this may run there.
PROGRAM = """
import signal, chainrule.cli
signal.signal(signal.SIGINT, signal.default_int_handler)
chainrule.cli.main()
"""
PATIENCE = 60  # seconds after which a test gives up


class Service:
    """A running `chainrule serve`."""

    def __init__(self, run, options):
        line = [sys.executable, "-c", PROGRAM, "serve", run, "--port", "0", *options.split()]
        self.process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.said = []
        while not self.said or "serving" not in self.said[-1]:
            self.said.append(self.process.stdout.readline())
            if not self.said[-1]:
                self.process.communicate()
                pytest.fail(f"the service did not start: {self.said}")
        self.port = int(self.said[-1].split(";")[0].rpartition(":")[2])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, content, close=False):
        """Send bytes; return the whole of what comes back until the service hangs up."""
        with self.connect() as client:
            client.sendall(content)
            if close:
                client.shutdown(socket.SHUT_WR)
            return whole(client)

    def predict(self, rows):
        body = json.dumps({"rows": rows}).encode()
        return told(self.ask(request(body, "connection: close\r\n")))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out


def request(body, more="", path="/predict"):
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{more}"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def whole(client):
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            content += part
    return content


def first(client):
    """The first answer, which need not be the end."""
    content = b""
    while not content.endswith(b"}"):
        content += client.recv(1 << 16)
    return content


def told(answer):
    """Status and JSON of one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.fixture(scope="module")
def service(run_of):
    one = Service(run_of("number"), "--max-body 20k")
    yield one
    code, out = one.end()
    assert (code, out) == (0, "stopped\n")


@pytest.fixture(scope="module")
def hasty(run_of):
    """A service that waits a second."""
    one = Service(run_of("number"), "--timeout 1s")
    yield one
    assert one.end()[0] == 0


def is_well(service):
    assert service.predict([[1, 0]]) == (200, {"predictions": [{"value": 3.0}]})


def test_clients_at_the_same_time(service):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: service.predict([[k, 1]]), range(40)))
    assert found == [(200, {"predictions": [{"value": 2.0 * k + 4}]}) for k in range(40)]


def test_one_connection_for_many_requests(service):
    with service.connect() as client:
        for k in range(5):
            client.sendall(request(json.dumps({"rows": [[k, 0]]}).encode()))
            assert told(first(client)) == (200, {"predictions": [{"value": 2.0 * k + 1}]})


def test_a_body_that_says_it_is_too_large_is_refused_unread(service):
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n"
    with service.connect() as client:
        client.sendall(head)
        status, error = told(first(client))
    assert (status, list(error)) == (413, ["error"])
    is_well(service)


def test_a_body_without_end(service):
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    with service.connect() as client:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(head)
            for _ in range(10):
                client.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        status, error = told(first(client))
    assert (status, list(error)) == (413, ["error"])
    is_well(service)


HALF_WAY = [
    b"",
    b"P",
    b"POST /predict HTTP/1.1\r\nhost: localh",
    b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
    b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
]


def test_who_stops_half_way_is_told_and_hung_up_on(hasty):
    with ThreadPoolExecutor(len(HALF_WAY)) as pool:
        answers = list(pool.map(hasty.ask, HALF_WAY))
    assert [told(answer)[0] for answer in answers] == [408] * len(HALF_WAY)
    assert all(list(told(answer)[1]) == ["error"] for answer in answers)
    is_well(hasty)


def test_who_sends_a_byte_now_and_then_is_hung_up_on(hasty):
    """Each byte comes in time, and still there is an end to it."""
    with hasty.connect() as client:
        client.settimeout(0.3)
        answer, left = b"", list(request(b" " * 1000))
        while left and not answer:
            client.sendall(bytes([left.pop(0)]))
            with contextlib.suppress(TimeoutError):
                answer = client.recv(1 << 16)
    assert told(answer)[0] == 408


def test_who_stops_in_a_second_request_is_hung_up_on(hasty):
    answer = hasty.ask(request(b'{"rows": [[1, 0]]}') + b"POST /pre")
    assert b'{"value": 3.0}' in answer


def test_who_does_not_read_is_hung_up_on(hasty):
    """Answers that nobody takes fill what lies between, and then the service gives up."""
    questions = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n" * 1_000_000
    with hasty.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            client.sendall(questions)
    is_well(hasty)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 70_000,
        b"GET /" + b"y" * 70_000,
        b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda value: repr(value[-40:]),
)
def test_garbage(service, garbage):
    answer = service.ask(garbage, close=True)
    if answer:  # who hangs up in the middle of a request is told nothing
        status, error = told(answer)
        assert status in (400, 408)
        assert list(error) == ["error"]
    is_well(service)


def test_another_sites_page_cannot_ask(service):
    head = b"GET /health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
    assert told(service.ask(head))[0] == 421


def test_more_clients_than_are_granted(run_of):
    one = Service(run_of("number"), "--max-connections 5")
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(one.connect())
        # Those that were accepted are asked something, so that it is known that they are there.
        status, error = told(one.ask(b""))
        assert (status, list(error)) == (503, ["error"])
    assert one.end()[0] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_while_clients_hang(run_of, number, code):
    one = Service(run_of("number"), "")
    with contextlib.ExitStack() as stack:
        for start in (b"", b"GET / HT", request(b"{" * 10)[:-5], request(b'{"rows": [[1, 2]]}')):
            stack.enter_context(one.connect()).sendall(start)
        is_well(one)
        ended, out = one.end(number)
    assert (ended, out.strip()) == (code, "stopped")


def test_others_are_let_in_only_with_a_warning(run_of):
    one = Service(run_of("number"), "--host 0.0.0.0")
    assert one.said[0].startswith("0.0.0.0 is reached by others too")
    assert one.end()[0] == 0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nothing", "error: nothing/model.json cannot be read"),
        ("{run} --max-body 10X", "error: --max-body 10X: a number with a unit is due"),
        ("{run} --timeout 0", "error: the limit timeout must be above 0"),
        ("{run} --host no.such.host.invalid", "error: the service cannot listen at"),
        ("{run} --port {taken}", "error: the service cannot listen at 127.0.0.1:{taken}"),
    ],
)
def test_what_cannot_be_served(run_of, capsys, tmp_path, monkeypatch, line, sentence):
    from chainrule.cli import main

    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"run": run_of("number"), "taken": taken.getsockname()[1]}
        with pytest.raises(SystemExit) as ended:
            main(["serve", *line.format(**names).split()])
    out, err = capsys.readouterr()
    assert (ended.value.code, err.count("\n")) == (2, 1)
    assert err.startswith(sentence.format(**names))
    assert "Traceback" not in out + err
