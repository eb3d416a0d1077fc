"""Tables in a file of their own: the same examples as in memory, and nothing left behind."""

import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.autograd import Generator
from chainrule.data import BlockSampler, Examples, load, table
from chainrule.data.pairs import loader_of
from chainrule.data.stored import gathered, is_stored, stored
from chainrule.data.tables import csvfile, large
from chainrule.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["id,a,street,sold,b,y"]
    for k in range(500):
        a = "" if rng.random() < 0.1 else f"{rng.normal():.3f}"
        day = np.datetime64("2020-01-01") + k % 90
        y = "" if k % 100 == 50 else "hot" if rng.random() < 0.4 else "cold"
        lines.append(f"{k},{a},{rng.choice(['Oak', 'Elm'])},{day},{k % 7},{y}")
    path = tmp_path / "some.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_same_as_in_memory(path, monkeypatch):
    expected = table(path)
    monkeypatch.setattr(csvfile, "AT_ONCE", 64)
    found = load(path, memory=100)
    assert is_stored(found.x)
    assert not is_stored(expected.x)
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)
    assert found.columns == expected.columns
    assert found.classes == expected.classes
    assert "lie in a file, what its columns are was found on 500 rows" in found.about


def test_the_kinds_are_found_on_some_rows(path, monkeypatch):
    monkeypatch.setattr(large, "DRAWN", 600)
    monkeypatch.setattr(large, "FEWEST", 10)
    monkeypatch.setattr(csvfile, "AT_ONCE", 64)
    found = table(path, memory=100)
    drawn = int(found.about.rpartition("found on ")[2].split()[0])
    assert 20 <= drawn <= 100
    assert found.columns == table(path).columns
    assert len(found) == 495
    np.testing.assert_array_equal(found.x[:, 1], table(path).x[:, 1])


def test_parquet_in_pieces(path, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas writes the file")
    pytest.importorskip("pyarrow", reason="Parquet files are read by pyarrow")
    pandas.read_csv(path).to_parquet(tmp_path / "some.parquet", row_group_size=100)
    found = load(tmp_path / "some.parquet", memory=100)
    assert is_stored(found.x)
    np.testing.assert_array_equal(found.x, table(path).x)


def test_parts_are_stored_too(path):
    found = table(path, memory=100)
    rest, test = found.split(0.2)
    expected, expected_test = table(path).split(0.2)
    assert is_stored(rest.x)
    assert is_stored(test.x)
    np.testing.assert_array_equal(rest.x, expected.x)
    np.testing.assert_array_equal(test.x, expected_test.x)


def test_nothing_is_left_in_the_folder(path, cache):
    found = table(path, memory=100)
    assert is_stored(found.x)
    assert list((cache / "chainrule" / "tables").iterdir()) == [] or os.name == "nt"


def test_what_is_refused_is_as_in_memory(tmp_path):
    path = tmp_path / "t.csv"
    for text, words in [
        ("a,b\n", "column names but no rows"),
        ("a,b\n1,2\n2\n", "line 3: 2 cells are due"),
        ("a,b\n1,x\n2,x\n", "target 'b' is 'x' in every row"),
        ("a,b\n1,x\n1,y\n", "no column is left to learn from"),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=words):
            table(path, memory=0)


def test_no_room_and_no_folder(monkeypatch, tmp_path):
    free = type("Usage", (), {"free": 100})
    monkeypatch.setattr("chainrule.data.stored.shutil.disk_usage", lambda _: free)
    with pytest.raises(DataError, match=r"120 bytes are due in .*, and there is no room for them"):
        stored([np.zeros((10, 3))], 10, 3)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be written to"):
        stored([np.zeros((10, 3))], 10, 3)


def test_gathered_in_blocks(monkeypatch):
    monkeypatch.setattr("chainrule.data.stored.AT_ONCE", 50)
    x = stored([np.arange(60.0).reshape(20, 3)], 20, 3)
    rows = np.random.default_rng(0).permutation(20)[:11]
    np.testing.assert_array_equal(gathered(x, rows), np.asarray(x)[rows])
    mask = np.arange(20) % 3 == 0
    np.testing.assert_array_equal(gathered(x, mask), np.asarray(x)[mask])
    assert len(gathered(x, np.zeros(20, bool))) == 0


def test_a_number_that_is_not_finite_is_named_with_its_row(monkeypatch):
    monkeypatch.setattr("chainrule.data.stored.AT_ONCE", 50)
    x = np.zeros((40, 2), np.float32)
    x[33, 1] = np.inf
    with pytest.raises(DataError, match=r"x holds inf in row 33 \(from 0\)"):
        Examples("some", stored([x], 40, 2), np.arange(40.0), None, "")


def test_blocks_are_shuffled_within_windows():
    sampler = BlockSampler(range(1003), Generator(0), block=8, window=64)
    first, second = sampler.order(), sampler.order()
    for order in (first, second):
        assert sorted(order.tolist()) == list(range(1003))
    assert first.tolist() != second.tolist()
    assert first.tolist() == BlockSampler(range(1003), Generator(0), 8, 64).order().tolist()
    blocks = {n // 8 for n in first[:64]}
    assert len(blocks) <= 9  # whole ones, but for the last of all that has fewer rows
    assert first[:64].tolist() != sorted(first[:64].tolist())
    assert np.abs(np.diff(sorted(blocks))).max() > 1


def test_a_loader_of_stored_rows_reads_in_blocks():
    x = stored([np.arange(20.0).reshape(10, 2)], 10, 2)
    loader = loader_of((x, np.arange(10)), 4, shuffle=True, generator=Generator(0))
    assert isinstance(loader.sampler, BlockSampler)
    assert loader.gathers_rows
    seen = [int(n) for _, y in loader for n in y.numpy()]
    assert sorted(seen) == list(range(10))
    plain = loader_of((x, np.arange(10)), 4)
    assert not isinstance(plain.sampler, BlockSampler)


def test_training_from_a_file(path, tmp_path):
    import io

    from rich.console import Console

    from chainrule.train.job.job import run_job
    from chainrule.train.job.outcome import Settings

    outcome = run_job(
        load(path, memory=100),
        Settings(epochs=3),
        tmp_path / "run",
        info={"data": "some.csv"},
        console=Console(file=io.StringIO()),
        command="chainrule train some.csv",
    )
    assert np.isfinite(outcome.outputs).all()
    assert Path(tmp_path / "run" / "report.html").exists()
