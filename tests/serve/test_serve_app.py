"""The service asked in its own process: answers, schemas, the page, and what it refuses."""

import base64
import io
import json
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette")
pytest.importorskip("httpx")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # newer ones would rather have httpx by another name
    from starlette.testclient import TestClient

from chainrule.serve import Limits, application
from chainrule.train.job.predictor import Predictor

ADDRESSES = ["/", "/health", "/schema", "/openapi.json", "/predict"]


@pytest.fixture(scope="module")
def client(run_of):
    """Of a kind of model a client; the same for all tests of this file."""
    made = {}

    def of(kind):
        if kind not in made:
            app = application(Predictor.of(run_of(kind)), Limits(rows=50, body=20_000))
            made[kind] = TestClient(app, raise_server_exceptions=False).__enter__()
        return made[kind]

    yield of
    for one in made.values():
        one.__exit__(None, None, None)


def is_refused(response, status, part=""):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    told = response.json()
    assert list(told) == ["error"]
    assert part in told["error"], told
    assert "Traceback" not in told["error"]
    assert "\n" not in told["error"]


def png(side=8, mode="L"):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    pixels = np.arange(side * side, dtype=np.uint8).reshape(side, side)
    image.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


# --- answers ------------------------------------------------------------------------------------


def test_rows_by_name_and_in_order(client, run_of):
    rows = [{"weight": 3.5, "age": 1, "name": "passed over"}, [1, 3.5], [-2, 0]]
    told = client("table").post("/predict", json={"rows": rows}).json()
    predictor = Predictor.of(run_of("table"))
    expected = predictor.answers(
        predictor.outputs(np.array([[1, 3.5], [1, 3.5], [-2, 0]], np.float32))
    )
    assert list(told) == ["predictions"]
    for said, answer in zip(told["predictions"], expected, strict=True):
        assert said["class"] == answer.value
        assert said["probabilities"] == pytest.approx(answer.probabilities, abs=1e-6)
        assert sum(said["probabilities"].values()) == pytest.approx(1)
        shares = list(said["probabilities"].values())
        assert shares == sorted(shares, reverse=True)


def test_numbers(client):
    told = client("number").post("/predict", json={"rows": [[1, 0], [0, 1.5]]}).json()
    assert told == {"predictions": [{"value": 3.0}, {"value": 5.5}]}


def test_the_likeliest_only(client):
    told = client("table").post("/predict", json={"rows": [[1, 2]], "top": 1}).json()
    (one,) = told["predictions"]
    assert list(one["probabilities"]) == [one["class"]]


def test_a_mixed_table_with_gaps_and_something_new(client):
    rows = [{"area": None, "street": "Elm"}, {"area": 65, "street": "Elk"}, [80, "Oak"]]
    told = client("mixed").post("/predict", json={"rows": rows}).json()
    assert len(told["predictions"]) == 3
    assert told["notes"] == ["1 row has a category of 'street' that was never seen: 'Elk'"]


def test_what_curl_sends_is_taken_as_json(client):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    told = client("number").post("/predict", content='{"rows": [[1, 0]]}', headers=kind)
    assert told.json() == {"predictions": [{"value": 3.0}]}


def test_an_image_in_every_way(client):
    content = png()
    asked = client("image").post
    answers = [
        asked("/predict", files={"image": ("a.png", content, "image/png")}),
        asked("/predict", content=content, headers={"content-type": "image/png"}),
        asked("/predict", json={"images": [base64.b64encode(content).decode()]}),
        asked("/predict", json={"rows": [(np.arange(64) * 16 / 255).tolist()]}),
    ]
    first, *others = [answer.json()["predictions"][0]["probabilities"] for answer in answers]
    for other in others:
        assert other == pytest.approx(first, abs=1e-6)


def test_images_are_resized_and_inverted_when_asked(client):
    large, text = png(16), base64.b64encode(png()).decode()
    is_refused(client("image").post("/predict", files={"image": large}), 422, "the model takes 8x8")
    told = client("image").post("/predict", files={"image": large}, data={"resize": "1"})
    assert told.status_code == 200
    kind = {"content-type": "image/png"}
    assert client("image").post("/predict?resize=1", content=large, headers=kind).is_success
    plain, inverted = (
        client("image").post("/predict", json={"images": [text], "invert": invert}).json()
        for invert in (False, True)
    )
    assert plain != inverted


def test_many_at_a_time_get_their_own_answers(run_of):
    """Whatever goes through the network together, each is told what it would be told alone."""
    app = application(Predictor.of(run_of("number")), Limits(batch=16, wait=0.02))
    with TestClient(app) as asked, ThreadPoolExecutor(16) as pool:
        rows = [[[k, j] for j in range(k % 5 + 1)] for k in range(64)]
        told = list(pool.map(lambda r: asked.post("/predict", json={"rows": r}).json(), rows))
        done = asked.get("/health").json()
    for mine, answer in zip(rows, told, strict=True):
        expected = [2 * a + 3 * b + 1 for a, b in mine]
        assert [one["value"] for one in answer["predictions"]] == pytest.approx(expected, rel=1e-6)
    assert done["requests"] == 64
    assert done["rows"] == sum(map(len, rows))
    assert done["batches"] < 64
    assert done["waiting"] == 0


def test_a_row_to_blame_does_not_spoil_the_batch(run_of):
    """Where the network refuses a batch, each of its requests is taken alone."""

    class Choosy:
        def __init__(self, predictor):
            self.predictor = predictor

        def __getattr__(self, name):
            return getattr(self.predictor, name)

        def outputs(self, x):
            from chainrule.errors import DataError

            if (x < 0).any():
                raise DataError("a row is below 0")
            return self.predictor.outputs(x)

    app = application(Choosy(Predictor.of(run_of("number"))), Limits(wait=0.05))
    with TestClient(app) as asked, ThreadPoolExecutor(8) as pool:
        rows = [[[k, 0]] for k in range(-2, 6)]
        told = list(pool.map(lambda r: asked.post("/predict", json={"rows": r}), rows))
    assert [answer.status_code for answer in told] == [422] * 2 + [200] * 6


# --- what it says of itself ---------------------------------------------------------------------


def fits(schema, value):
    """Whether a value is what a schema says, as far as the words that are used here go."""
    if "anyOf" in schema:
        return any(fits(one, value) for one in schema["anyOf"])
    kinds = {
        "object": dict, "array": list, "string": str, "boolean": bool,
        "integer": int, "number": (int, float), "null": type(None),
    }  # fmt: skip
    named = schema.get("type", list(kinds))
    named = [named] if isinstance(named, str) else named
    if not any(isinstance(value, kinds[one]) for one in named):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            fits(known[name], one) for name, one in value.items() if name in known
        )
    if isinstance(value, list):
        return (
            schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 1e9)
            and all(fits(schema.get("items", {}), one) for one in value)
            and all(fits(s, one) for s, one in zip(schema.get("prefixItems", ()), value))
        )
    return value in schema.get("enum", [value])


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("table", {"rows": [[1, 2], {"age": 1, "weight": 2}]}, {"rows": [{"age": 1}]}),
        ("mixed", {"rows": [[1, "Elm"], {"area": None, "street": "?"}]}, {"rows": [[1]]}),
        ("image", {"rows": [[0] * 64], "top": 2}, {"rows": [[0] * 63]}),
        ("number", {"rows": [[1, 2]]}, {"rows": []}),
    ],
)
def test_the_schema_says_what_is_taken_and_given(client, kind, good, bad):
    told = client(kind).get("/schema").json()
    answer = client(kind).post("/predict", json=good)
    assert answer.is_success
    assert fits(told["input"], good)
    assert fits(told["output"], answer.json())
    is_refused(client(kind).post("/predict", json=bad), 422)
    assert not fits(told["input"], bad)
    whole = client(kind).get("/openapi.json").json()
    assert whole["openapi"] == "3.1.0"
    body = whole["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == told["input"]


def test_health(client):
    told = client("table").get("/health").json()
    assert (told["status"], told["model"]) == ("ok", "table")


# --- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "mixed", "image", "number"])
def test_the_page_loads_nothing_and_escapes_everything(client, kind):
    answer = client(kind).get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for odd in ("<script", "<hen>", "<b>Ash", 'src="', "@import", "url("):
        assert odd not in answer.text
    assert "curl " in answer.text


def test_a_row_filled_in(client):
    answer = client("table").post("/", data={"column:age": "3", "column:weight": " 4.5 "})
    assert answer.is_success
    told = client("table").post("/predict", json={"rows": [[3, 4.5]]}).json()["predictions"][0]
    share = f"{100 * max(told['probabilities'].values()):.1f} %"
    assert share in answer.text
    assert ' value="3"' in answer.text  # to go on from
    assert ' value="4.5"' in answer.text
    assert f"<h2>{told['class'].replace('<', '&lt;').replace('>', '&gt;')}</h2>" in answer.text


def test_an_image_filled_in(client):
    answer = client("image").post("/", files={"image": png(20)}, data={"resize": "1"})
    assert answer.is_success
    assert answer.text.count('class="bar"') == 10


def test_what_is_wrong_with_a_form_is_on_the_page(client):
    answer = client("table").post("/", data={"column:age": "<old>", "column:weight": "4"})
    assert answer.status_code == 422
    assert "&#x27;age&#x27; is &#x27;&lt;old&gt;&#x27;, a number is due" in answer.text
    assert ' value="&lt;old&gt;"' in answer.text
    assert client("table").post("/", data={"other": "1"}).status_code == 422


# --- what it refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe\x00", 400, "not JSON"),
        (b"[" * 15_000, 400, "not JSON"),
        (b'{"rows": ' + b"[" * 9_000 + b"]" * 9_000 + b"}", 400, "not JSON"),
        (b"9" * 5_000, 400, "not JSON"),
        (b"[]", 422, "is a list"),
        (b"{}", 422, "rows"),
        (b'{"rows": []}', 422, "rows"),
        (b'{"rows": {"age": 1}}', 422, "rows"),
        (b'{"rows": null, "images": null}', 422, "rows"),
        (b'{"rows": [1]}', 422, "row 1 is a int"),
        (b'{"rows": [[1, 2], [1]]}', 422, "row 2 has 1 values"),
        (b'{"rows": [[1, "2"]]}', 422, "row 1: 'weight' is '2', a number is due"),
        (b'{"rows": [[1, true]]}', 422, "'weight' is True"),
        (b'{"rows": [[1, null]]}', 422, "'weight' is None"),
        (b'{"rows": [[1, NaN]]}', 422, "'weight' is nan"),
        (b'{"rows": [[1, 1e39]]}', 422, "'weight' is 1e+39"),
        (b'{"rows": [[1, [2]]]}', 422, "'weight' is [2]"),
        (b'{"rows": [{"age": 1, "wieght": 2}]}', 422, "no 'weight'; did you mean 'wieght'?"),
        (b'{"row": [[1, 2]]}', 422, "did you mean 'rows'?"),
        (b'{"rows": [[1, 2]], "top": 0}', 422, "top"),
        (b'{"rows": [[1, 2]], "top": true}', 422, "top"),
        (b'{"rows": [[1, 2]], "resize": 1}', 422, "resize"),
        (b'{"rows": [[1, 2]], "images": [""]}', 422, "rows"),
        (b'{"images": ["AAAA"]}', 422, "rows of a table, not images"),
        (b'{"rows": [' + b"[1,2]," * 50 + b"[1,2]]}", 422, "51 rows"),
        (b" " * 20_001, 413, "20,000 bytes"),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, bytes) else None,
)
def test_bodies_that_are_refused(client, body, status, part):
    kind = {"content-type": "application/json"}
    is_refused(client("table").post("/predict", content=body, headers=kind), status, part)


def test_a_body_that_grows_too_large_is_not_read_to_its_end(client):
    """Its length is not said before, so it is noticed on the way."""
    sent = []

    def chunks():
        for k in range(100):
            sent.append(k)
            yield b" " * 10_000

    is_refused(client("table").post("/predict", content=chunks()), 413)


@pytest.mark.parametrize(
    ("kind", "body", "status", "part"),
    [
        ("text/plain", b"1,2", 415, "text/plain"),
        ("image/png", b"1,2", 422, "rows of a table"),
        ("multipart/form-data", b"1,2", 400, "the form cannot be read"),
        ("multipart/form-data; boundary=x", b"1,2", 400, "the form cannot be read"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n1\r\n--x--\r\n", 400, "the form"),
        ("application/x-www-form-urlencoded", b"a=1&b=2", 422, "column:NAME"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 4_100), 400, "the form"),
    ],
)
def test_kinds_of_bodies_that_are_refused(client, kind, body, status, part):
    answer = client("table").post("/predict", content=body, headers={"content-type": kind})
    is_refused(answer, status, part)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_images_that_are_none(client, content):
    pytest.importorskip("PIL.Image")
    is_refused(client("image").post("/predict", files={"image": ("x", content)}), 422, "the image")


def test_an_image_that_would_fill_the_memory(client):
    """A header that claims more pixels than are read."""
    import struct
    import zlib

    pytest.importorskip("PIL.Image")
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    content += struct.pack(">I", zlib.crc32(chunk))
    content += struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    is_refused(client("image").post("/predict", files={"image": content}), 422, "too large")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "GET", "POST", "ODD"])
@pytest.mark.parametrize("path", [*ADDRESSES, "/nope", "/../etc/passwd", "/%00", "//"])
def test_every_method_at_every_address_has_an_answer(client, method, path):
    answer = client("table").request(method, path)
    assert answer.status_code in (200, 400, 404, 405, 422)
    if answer.status_code != 200 and not (path in ("/", "//") and method == "POST"):
        is_refused(answer, answer.status_code)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=400)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["rows", "images", "top", "age", "weight", "area", "street"]), inner
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    kind=st.sampled_from(
        ["application/json", "image/png", "multipart/form-data; boundary=x", "", "é/\xff"]
    ),
    model=st.sampled_from(["table", "mixed", "image", "number"]),
)
def test_whatever_is_sent(client, body, kind, model):
    headers = {"content-type": kind.encode("latin1")}
    answer = client(model).post("/predict", content=body, headers=headers)
    assert answer.status_code in (200, 400, 413, 415, 422)
    if answer.status_code != 200:
        is_refused(answer, answer.status_code)


def test_a_queue_that_is_full(run_of):
    app = application(Predictor.of(run_of("number")), Limits(queue=3))
    with TestClient(app) as asked:
        is_refused(asked.post("/predict", json={"rows": [[0, 0]] * 4}), 503, "waiting")
        assert asked.post("/predict", json={"rows": [[0, 0]] * 3}).is_success


def test_outputs_that_are_no_numbers(run_of):
    app = application(Predictor.of(run_of("number")))
    with TestClient(app) as asked:
        is_refused(asked.post("/predict", json={"rows": [[3e38, 3e38]]}), 422, "no finite numbers")


def test_a_bug_is_told_in_a_sentence(run_of, caplog, monkeypatch):
    def broken(self, x):
        raise KeyError("secret")

    monkeypatch.setattr(Predictor, "outputs", broken)
    app = application(Predictor.of(run_of("number")))
    with TestClient(app, raise_server_exceptions=False) as asked:
        for _ in range(2):  # the thread that runs the network is still there
            answer = asked.post("/predict", json={"rows": [[1, 2]]})
            is_refused(answer, 500, "went wrong")
            assert "secret" not in answer.text
    assert "KeyError: 'secret'" in caplog.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:1234", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_only_for_the_host_it_was_started_for(run_of, host, status):
    app = application(Predictor.of(run_of("number")), hosts=["localhost", "127.0.0.1", "[::1]"])
    with TestClient(app) as asked:
        answer = asked.get("/health", headers={"host": host})
    assert answer.status_code == status
    if status != 200:
        is_refused(answer, status)
