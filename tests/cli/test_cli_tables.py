"""Tables on the command line: options of columns, a raw table to predict from, what is noted."""

import json

import pytest

TABLE = "zip,street,note,price\n" + "".join(
    f"{1000 + k % 3},{'Oak' if k % 2 else 'Elm'},said {k},{k % 3 + k % 2 * 10 + k / 90}\n"
    for k in range(60)
)


@pytest.fixture
def run(chainrule, tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    line = "train t.csv --categorical zip --drop note --epochs 2 --out run"
    ended = chainrule(line)
    assert (ended.code, ended.err) == (0, "")
    return ended


def test_what_a_person_decides(run, tmp_path):
    assert "zip     category          3" in run.out
    assert "note    dropped" in run.out
    info = json.loads((tmp_path / "run" / "model.json").read_text())
    assert (info["categorical"], info["drop"], info["numeric"]) == (["zip"], ["note"], [])
    assert info["columns"] == ["zip", "street"]


def test_predict_takes_a_raw_table(run, chainrule, tmp_path):
    (tmp_path / "new.csv").write_text("street,zip\nOak,1001\nFir,9999\n")
    ended = chainrule("predict run new.csv")
    assert ended.code == 0
    assert ended.out.startswith("new.csv row 1  ")
    assert "new.csv: 1 row has a category of 'zip' that was never seen: '9999'" in ended.err
    assert "new.csv: 1 row has a category of 'street' that was never seen: 'Fir'" in ended.err


def test_explain_loads_it_as_it_was(run, chainrule):
    ended = chainrule("explain run")
    assert ended.code == 0
    assert "street moves the output by" in ended.out
    assert "zip 100" in ended.out
    assert "street Oak" in ended.out or "street Elm" in ended.out


@pytest.mark.parametrize("size", ["", "much", "1.5G", "-1", "G", "1T", "1²"])
def test_no_size(chainrule, tmp_path, size):
    (tmp_path / "t.csv").write_text(TABLE)
    ended = chainrule("train t.csv --drop note --memory", size)
    assert ended.code == 2
    assert "is no size such as 512M or 2G" in ended.err
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv"}
