"""The playground over HTTP: who is let in, what is refused, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette", reason="the playground needs starlette")
pytest.importorskip("uvicorn", reason="the playground needs uvicorn")

from chainrule.errors import OptionError
from chainrule.playground.engine.session import Download, Session
from chainrule.playground.engine.settings import Amount, Setting, Sizes
from chainrule.playground.service import open_pages
from chainrule.playground.service.server import Playground


class Counting(Session):
    """A session that counts its steps."""

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "sizes": Sizes(label="Sizes", usual=[1], most=3, high=9),
        "by": Amount(label="By", usual=1, low=1, high=10, live=True),
    }
    QUESTIONS: ClassVar[dict[str, str]] = {"steps": "_steps", "wrong": "_wrong"}
    DOWNLOADS: ClassVar[dict[str, str]] = {"steps": "_file"}

    def _begin(self):
        self.steps = 0

    def _state(self):
        return self.steps

    def _restore(self, state):
        self.steps = state

    def _go_on(self, changed):
        pass

    def advance(self, until, most=None):
        time.sleep(0.001)
        self.steps += 1
        return 1

    def frame(self):
        return {"steps": self.steps}

    def take(self, name, content):
        self.steps = len(content)

    def _steps(self, values):
        return {"steps": self.steps, "name": str(values.get("name"))[:20]}

    def _wrong(self, values):
        raise ZeroDivisionError

    def _file(self):
        return Download("steps ü.txt", "text/plain", str(self.steps).encode())


class Client:
    """Asks a playground, and holds its address apart."""

    def __init__(self, address):
        parts = urlsplit(address)
        self.host, self.port, self.token = parts.hostname, parts.port, parts.path
        self.begun = []

    def raw(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())

    def ask(self, path, body=None, headers=None):
        """Status and JSON of a request; a POST of JSON if there is a body."""
        given = {"content-type": "application/json"} | (headers or {})
        content = None if body is None else json.dumps(body)
        method = "GET" if body is None else "POST"
        status, text, _ = self.raw(method, self.token + path, content, given)
        return status, json.loads(text)

    def begin(self, **settings):
        status, told = self.ask("api/open", {"page": "counting", "settings": settings})
        assert status == 200, told
        self.begun.append("api/" + told["name"])
        return self.begun[-1]

    def end_all(self):
        for name in self.begun:
            self.ask(f"{name}/close", {})

    def listen(self, name):
        """The stream of an experiment's frames, as an open answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        connection.request("GET", f"{self.token}{name}/frames")
        return connection, connection.getresponse()


@pytest.fixture(scope="module")
def address():
    with Playground({"counting": Counting}, grace=3.0) as playground:
        yield playground.address


@pytest.fixture
def client(address):
    client = Client(address)
    yield client
    client.end_all()


def refused(told, *words):
    """Whether an answer is one sentence with these words, and nothing else."""
    assert set(told) == {"error"}
    assert "\n" not in told["error"]
    assert all(word in told["error"] for word in words), told
    return True


# --- who is let in ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/plane", "/x/plane", "/api/open", "//", "/%00/plane"])
def test_without_the_token_there_is_nothing(client, path):
    for method in ("GET", "POST"):
        status, text, _ = client.raw(method, path)
        assert status == 403
        assert refused(json.loads(text), "lacks the token")


def test_a_token_that_begins_alike_is_none(client):
    for token in (client.token[:-2], client.token[:-1] + "x", client.token.upper()):
        status, _, _ = client.raw("GET", token.rstrip("/") + "/plane")
        assert status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"]
)
def test_a_foreign_origin_is_refused(client, origin):
    status, told = client.ask("api/open", {"page": "counting"}, {"Origin": origin})
    assert status == 403
    assert refused(told, "another site")


def test_the_own_origin_is_let_in(client):
    own = f"http://{client.host}:{client.port}"
    status, _ = client.ask("api/open", {"page": "counting"}, {"Origin": own})
    assert status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_wrong_host_is_refused(client, host):
    status, text, _ = client.raw("GET", client.token + "plane", headers={"Host": host})
    assert status == 421
    assert refused(json.loads(text), "localhost")


def test_what_another_site_would_load_is_refused_and_its_link_is_not(client):
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert client.raw("GET", client.token + "shared/api.js", headers=foreign)[0] == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.raw("GET", client.token + "plane", headers=link)[0] == 200


# --- pages and files ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plane", "digits", "descent", "shared/api.js", "page.css"])
def test_files_of_the_pages(client, name):
    status, content, headers = client.raw("GET", client.token + name)
    assert status == 200
    assert content
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../service/app.py", "..%2f..%2fapp.py", "plane/../../secret", "%2e%2e/x", "no"]
)
def test_other_files_are_not_there(client, path):
    status, text, _ = client.raw("GET", client.token + path)
    assert status == 404
    assert refused(json.loads(text), "nothing at this address")


def test_the_bare_address_leads_to_a_page(client):
    status, _, headers = client.raw("GET", client.token)
    assert (status, headers["location"]) == (307, "plane")


# --- experiments --------------------------------------------------------------------------------


def test_tables(client):
    _, tables = client.ask("api/tables")
    assert tables["counting"]["by"]["high"] == 10
    assert tables["counting"]["sizes"]["kind"] == "sizes"


def test_change_undo_redo_restart(client):
    name = client.begin(by=2)
    assert client.ask(f"{name}/change", {"by": 3})[1]["settings"]["by"] == 3
    assert client.ask(f"{name}/undo", {})[1]["settings"]["by"] == 2
    assert client.ask(f"{name}/redo", {})[1]["settings"]["by"] == 3
    assert client.ask(f"{name}/restart", {})[1]["settings"]["by"] == 3


def test_steps_questions_and_files(client):
    name = client.begin()
    assert client.ask(f"{name}/play", {"steps": 5})[0] == 200
    deadline = time.monotonic() + 20
    while client.ask(f"{name}/ask/steps", {})[1]["steps"] < 5:
        assert time.monotonic() < deadline
    assert client.ask(f"{name}/ask/steps", {})[1]["steps"] == 5
    status, content, headers = client.raw("GET", f"{client.token}{name}/download/steps")
    assert (status, content) == (200, b"5")
    assert "steps%20%C3%BC.txt" in headers["content-disposition"]


def test_a_file_that_is_brought(client):
    name = client.begin()
    status, _, _ = client.raw("POST", f"{client.token}{name}/take/a.csv", b"x" * 1234)
    assert status == 200
    assert client.ask(f"{name}/ask/steps", {})[1]["steps"] == 1234


def test_frames_come_while_it_plays_and_end_with_it(client):
    name = client.begin()
    connection, stream = client.listen(name)
    with contextlib.closing(connection):
        assert stream.getheader("content-type").startswith("text/event-stream")
        client.ask(f"{name}/play", {"playing": True})
        seen = [json.loads(line[6:]) for line in _lines(stream, 10)]
        assert seen[-1]["steps"] > seen[0]["steps"]
        assert seen[-1]["play"]["playing"] is True
        client.ask(f"{name}/close", {})
        assert stream.read().count(b"data: ") < 5
    assert client.ask(f"{name}/undo", {})[0] == 410


def _lines(stream, count):
    found = []
    while len(found) < count:
        line = stream.readline()
        assert line, "the stream ended early"
        if line.startswith(b"data: "):
            found.append(line)
    return found


# --- what is refused ----------------------------------------------------------------------------

NOT_JSON = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"by": NaN}',
    b'{"by": Infinity}',
    b"null\x00",
]


@pytest.mark.parametrize("body", NOT_JSON)
@pytest.mark.parametrize("path", ["api/open", "{}/change", "{}/play", "{}/ask/steps"])
def test_what_is_no_json(client, path, body):
    path = client.token + path.format(client.begin())
    status, text, _ = client.raw("POST", path, body, {"content-type": "application/json"})
    assert status == 400
    assert refused(json.loads(text), "not JSON")


@pytest.mark.parametrize("body", [[], 3, "x", None, True])
def test_what_is_no_object(client, body):
    status, told = client.ask("api/open", body if body is not None else [None])
    assert status == 422
    assert refused(told, "must be a JSON object")


def test_forms_and_plain_text_are_not_json(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        status, text, _ = client.raw(
            "POST", client.token + "api/open", b"{}", {"content-type": kind}
        )
        assert status == 415
        assert refused(json.loads(text), "application/json")


BAD = [
    ("api/open", {"page": "plain"}, 404, "no page"),
    ("api/open", {"page": ["counting"]}, 404, "no page"),
    ("api/open", {"page": "counting", "settings": []}, 422, "settings must be"),
    ("api/open", {"page": "counting", "settings": {"bye": 1}}, 422, "did you mean 'by'"),
    ("api/open", {"page": "counting", "settings": {"by": 10**400}}, 422, "from 1 to 10"),
    ("api/open", {"page": "counting", "settings": {"sizes": [1, 2, 3, 4]}}, 422, "at most 3"),
    ("api/open", {"page": "counting", "settings": {"x" * 10_000: 1}}, 422, "no setting"),
    ("{}/change", {"by": "1"}, 422, "from 1 to 10"),
    ("{}/change", {"by": True}, 422, "from 1 to 10"),
    ("{}/play", {"speed": 0}, 422, "above 0"),
    ("{}/play", {"speed": "fast"}, 422, "above 0"),
    ("{}/play", {"steps": 0}, 422, "from 1"),
    ("{}/play", {"steps": 1.5}, 422, "from 1"),
    ("{}/play", {"playing": 1}, 422, "true or false"),
    ("{}/ask/stops", {}, 422, "did you mean 'steps'"),
    ("{}/dance", {}, 404, "nothing at this address"),
    ("api/nobody/change", {}, 410, "has ended"),
]


@pytest.mark.parametrize(("path", "body", "status", "words"), BAD, ids=range(len(BAD)))
def test_what_cannot_be(client, path, body, status, words):
    name = client.begin()
    found, told = client.ask(path.format(name), body)
    assert found == status
    assert refused(told, words)
    assert client.ask(f"{name}/ask/steps", {})[0] == 200  # and nothing is the worse for it


def test_a_download_that_is_not_there(client):
    status, told = client.ask(f"{client.begin()}/download/x")
    assert status == 422
    assert refused(told, "there are steps")


def test_what_goes_wrong_inside_is_one_sentence_and_the_experiment_lives(client):
    name = client.begin()
    status, told = client.ask(f"{name}/ask/wrong", {})
    assert status == 500
    assert refused(told, "something went wrong")
    assert client.ask(f"{name}/ask/steps", {})[0] == 200


@pytest.mark.parametrize("path", ["{}/take/a.csv", "{}/change", "api/open"])
def test_a_gigabyte_is_refused_before_it_is_sent(client, path):
    """What a client announces is answered at once; the service does not take it in."""
    head = f"Content-Type: application/json\r\nContent-Length: {1 << 30}\r\n\r\n"
    path = client.token + path.format(client.begin())
    with _sending(client, path, head) as wire:
        wire.sendall(b"1,2,3\n" * 1000)
        assert _is_too_large(wire)


def test_a_gigabyte_that_is_not_announced_is_passed_over(client):
    path = f"{client.token}{client.begin()}/take/a.csv"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with _sending(client, path, "Transfer-Encoding: chunked\r\n\r\n") as wire:
        for _ in range(1 << 10):
            wire.sendall(b"100000\r\n" + b"1" * 0x100000 + b"\r\n")
        assert _is_too_large(wire)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 << 10  # KiB
    assert client.ask("api/tables")[0] == 200


@contextlib.contextmanager
def _sending(client, path, head):
    with socket.create_connection((client.host, client.port), timeout=20) as wire:
        wire.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{head}".encode())
        yield wire


def _is_too_large(wire):
    answer = b""
    while not answer.endswith(b"}"):
        answer += wire.recv(1 << 16)
    return answer.startswith(b"HTTP/1.1 413") and b"bytes at most" in answer


def test_too_many_pages(monkeypatch):
    monkeypatch.setattr(open_pages, "_MOST", 2)
    with Playground({"counting": Counting}) as playground:
        client = Client(playground.address)
        names = [client.begin() for _ in range(2)]
        status, told = client.ask("api/open", {"page": "counting"})
        assert status == 503
        assert refused(told, "close one")
        client.ask(f"{names[0]}/close", {})
        client.begin()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(
    body=PLAIN,
    path=st.sampled_from(
        ["api/open", "{}/change", "{}/play", "{}/ask/steps", "{}/undo", "{}/restart", "{}/take/a"]
    ),
)
@settings(max_examples=60)
def test_garbage(address, body, path):
    client = Client(address)
    status, _ = client.ask(path.format(client.begin()), [body] if body is None else body)
    assert status in (200, 404, 422)
    assert client.ask("api/tables")[0] == 200
    client.end_all()


# --- how it ends --------------------------------------------------------------------------------


def test_an_experiment_that_nobody_listens_to_ends():
    with Playground({"counting": Counting}, grace=0.2) as playground:
        client = Client(playground.address)
        heard, unheard = client.begin(), client.begin()
        connection, stream = client.listen(heard)
        with contextlib.closing(connection):
            _lines(stream, 1)
            deadline = time.monotonic() + 20
            while client.ask(f"{unheard}/undo", {})[0] != 410:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert client.ask(f"{heard}/undo", {})[0] == 200


def test_it_ends_with_the_last_page():
    playground = Playground({"counting": Counting}, grace=0.2, ends_with_pages=True)
    playground.start()
    client = Client(playground.address)
    client.begin()
    playground._thread.join(20)
    assert not playground._thread.is_alive()
    playground.close()


def test_before_the_first_page_it_waits():
    playground = Playground({"counting": Counting}, grace=0.1, ends_with_pages=True)
    with playground:
        time.sleep(0.6)
        assert Client(playground.address).ask("api/tables")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_a_page_open(number):
    command = [
        sys.executable,
        "-c",
        "from chainrule.cli import main; main()",
        "play",
        "descent",
        "--no-browser",
    ]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        try:
            address = run.stdout.readline().split()[-1]
            assert address.endswith("/descent")
            client = Client(address.removesuffix("descent"))
            _, told = client.ask("api/open", {"page": "descent"})
            connection, stream = client.listen("api/" + told["name"])
            with contextlib.closing(connection):
                _lines(stream, 1)
                run.send_signal(number)
                stream.read()
                assert run.wait(20) == 0
                assert run.stdout.read().endswith("stopped\n")
        finally:
            run.kill()


def test_a_link_of_another_day_opens_its_page():
    from chainrule.cli.play import _page_of

    assert _page_of("http://127.0.0.1:5/abc/digits#data=mnist&layers=9") == (
        "digits#data=mnist&layers=9"
    )
    assert _page_of("descent") == "descent"


def test_a_page_that_there_is_not_is_told():
    command = [sys.executable, "-c", "from chainrule.cli import main; main()", "play", "plain"]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "did you mean 'plane'?" in run.stderr


def test_a_port_that_is_taken_is_told(address):
    with pytest.raises(OptionError, match=r"cannot listen at .*; choose another --port$"):
        Playground({"counting": Counting}, urlsplit(address).port)
