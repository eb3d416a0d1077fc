"""Jobs on tables: the first layer, the baselines, what is told, the way back from the folder."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from chainrule import nn
from chainrule.data import Examples, Recipe, load, table_columns
from chainrule.errors import DataError
from chainrule.io import load_model
from chainrule.train import predict
from chainrule.train.job.baseline import baselines_of
from chainrule.train.job.job import run_job
from chainrule.train.job.narrate import show_columns
from chainrule.train.job.outcome import Settings
from chainrule.train.job.revisit import visit

ROWS = 400


def houses(seed=0, rows=ROWS):
    """Prices that hang on a product of a number and a category, on a date, and on yes or no."""
    rng = np.random.default_rng(seed)
    streets = {"Oak": 1.0, "Elm": 1.6, "Lake": 2.4}
    lines = []
    for k in range(rows):
        area, street = rng.uniform(30, 200), list(streets)[rng.integers(3)]
        day = np.datetime64("2020-01-01") + rng.integers(0, 700)
        garage = rng.random() < 0.5
        price = area * streets[street] * (1.2 if garage else 1.0) + rng.normal(0, 5)
        shown = "" if rng.random() < 0.05 else f"{area:.1f}"
        target = "" if k == 7 else f"{price:.1f}"
        lines.append(f"{k},{shown},{street},{day},{'yes' if garage else 'no'},DE,{target}")
    return "id,area,street,sold,garage,country,price\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on such a table, what was told of it, and its folder."""
    here = tmp_path_factory.mktemp("houses")
    (here / "houses.csv").write_text(houses())
    examples = load(here / "houses.csv")
    out = io.StringIO()
    outcome = run_job(
        examples,
        Settings(),
        here / "run",
        info={"data": "houses.csv", "source": str(here / "houses.csv"), "target": None},
        console=Console(file=out, width=100),
        command="chainrule train houses.csv",
    )
    return outcome, out.getvalue(), here


def test_the_network_begins_with_the_columns(run):
    first = run[0].model[0]
    assert isinstance(first, nn.Columns)
    recipe = run[0].examples.recipe
    assert (first.sizes, first.gaps) == (recipe.sizes, recipe.gaps)


def test_columns_are_scaled_by_the_training_part_alone(run):
    outcome = run[0]
    rest, test = outcome.examples.split(0.2, 0)
    training, _ = rest.split(0.1, 1)
    np.testing.assert_array_equal(test.x, outcome.test.x)
    mean = np.nanmean(training.x[:, 0], dtype=np.float64)
    assert float(outcome.model[0].mean[0]) == pytest.approx(mean, rel=1e-6)
    assert mean != pytest.approx(np.nanmean(outcome.examples.x[:, 0], dtype=np.float64), rel=1e-6)


def test_it_is_better_than_what_it_is_held_against(run):
    outcome = run[0]
    mean, linear = outcome.baselines
    assert (mean.name, linear.name) == ("the mean", "a linear model")
    assert outcome.figures["mae"] < linear.figures["mae"] < mean.figures["mae"]


def test_what_is_told(run):
    told = run[1]
    assert "1 rows without a target are left out" in told
    for line in (
        r"id       identifier        399           0           left out",
        r"area     number            ",
        r"street   category            3",
        r"sold     date              ",
        r"garage   yes/no              2",
        r"country  constant            1           DE          left out",
    ):
        assert line in told
    assert "not well before the first step" not in told
    assert "to compare: the mean " in told
    assert told.index("to compare") < told.index("test error")


def test_the_folder_knows_the_columns(run):
    outcome, _, here = run
    model, info = load_model(here / "run")
    recipe = Recipe.read(info["recipe"])
    assert recipe == outcome.examples.recipe
    assert info["baselines"] == [one._asdict() for one in outcome.baselines]
    rows = recipe.encode(table_columns(here / "houses.csv"))
    known = np.arange(ROWS) != 7
    np.testing.assert_array_equal(rows[known], outcome.examples.x)
    np.testing.assert_array_equal(predict(model, outcome.test.x), outcome.outputs)
    new = {name: ["new", ""] for name in recipe.needed}
    assert np.isfinite(predict(model, recipe.encode(new))).all()


def test_a_category_never_met_says_nothing(run):
    outcome = run[0]
    street = list(outcome.examples.columns).index("street")
    table = outcome.model[0].tables[0].weight.detach().numpy()
    assert outcome.examples.recipe.sizes[street] == len(table)
    assert (outcome.examples.x[:, street] > 0).all()
    assert (table[0] == 0).all()
    assert (table[1:] != 0).any(axis=1).all()


def test_a_visit_finds_the_same(run):
    outcome, _, here = run
    found = visit(str(here / "run"))
    assert found.missing == ""
    assert found.outcome.figures == outcome.figures


def test_a_visit_to_a_table_that_is_another_by_now(run, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    here = run[2]
    text = (here / "run" / "model.json").read_text()
    told = json.loads(text)
    told["source"] = str(tmp_path / "other.csv")
    try:
        (here / "run" / "model.json").write_text(json.dumps(told))
        found = visit(str(here / "run"))
    finally:
        (here / "run" / "model.json").write_text(text)
    assert found.outcome is None
    assert "not the data that it has seen" in found.missing


# The baselines


def linear_table(classes):
    rng = np.random.default_rng(0)
    columns = {
        "a": rng.normal(size=300),
        "b": rng.normal(size=300) * 50 + 9,
        "c": rng.choice(["x", "y", "z"], 300),
    }
    score = columns["a"] + columns["b"] / 50 + 2 * (columns["c"] == "y")
    recipe = Recipe.of(columns)
    y = (score > 1).astype(int) if classes else score
    names = ("low", "high") if classes else None
    return Examples("line", recipe.encode(columns), y, names, "", recipe.features, recipe=recipe)


def test_the_linear_model_finds_a_line():
    training, test = linear_table(classes=False).split(0.3)
    mean, linear = baselines_of(training, test)
    assert mean.figures["r2"] == pytest.approx(0, abs=0.1)
    assert linear.figures["r2"] > 0.999


def test_the_linear_models_are_those_of_another_library():
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the judge")
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    for classes in (False, True):
        training, test = linear_table(classes).split(0.3)
        scaler = StandardScaler().fit(training.x[:, :2])
        hot = OneHotEncoder(sparse_output=False).fit(training.x[:, 2:])
        seen = [
            np.concatenate([scaler.transform(part.x[:, :2]), hot.transform(part.x[:, 2:])], axis=1)
            for part in (training, test)
        ]
        figures = baselines_of(training, test)[1].figures
        if classes:
            judge = linear_model.LogisticRegression().fit(seen[0], training.y)
            assert figures["accuracy"] == pytest.approx(judge.score(seen[1], test.y), abs=0.012)
        else:
            judge = linear_model.Ridge().fit(seen[0], training.y)
            assert figures["r2"] == pytest.approx(judge.score(seen[1], test.y), abs=1e-5)


def test_the_commonest_class_is_that_of_the_training_part():
    training, test = linear_table(classes=True).split(0.3)
    commonest = training.classes[np.bincount(training.y).argmax()]
    found = baselines_of(training, test)[0]
    assert found.name == f"the commonest class, {commonest!r}"
    assert found.figures["accuracy"] == np.mean(test.y == training.classes.index(commonest))


def test_no_linear_model_of_images_or_of_countless_categories():
    images = Examples("i", np.zeros((4, 1, 2, 2)), np.array([0, 1, 0, 1]), ("a", "b"), "")
    assert [one.name for one in baselines_of(images, images)] == ["the commonest class, 'a'"]
    columns = {name: [f"{k}" for k in range(1000)] for name in "abc"}
    recipe = Recipe.of(columns, categorical=list("abc"))
    many = Examples("m", recipe.encode(columns), np.arange(1000.0), None, "", recipe=recipe)
    assert len(baselines_of(many, many)) == (1 if sum(recipe.sizes) > 2000 else 2)


# What is shown


def shown(recipe):
    out = io.StringIO()
    show_columns(Console(file=out, width=90, force_terminal=False), recipe)
    return out.getvalue()


def test_many_columns_are_counted():
    columns = {f"c{k}": [1, 2, 3] for k in range(40)}
    told = shown(Recipe.of({**columns, "same": [1, 1, 1]}))
    assert told.strip().splitlines() == ["number: 40, constant: 1", "left out: same"]


def test_nothing_a_terminal_obeys_is_shown():
    recipe = Recipe.of({"a\x1b[31m": ["\x1b]0;x\x07", "b", "b"], "[bold]": [1, 2, 3]})
    told = shown(recipe)
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "[bold]" in told


def test_free_text_is_left_out_when_asked(tmp_path):
    path = tmp_path / "said.csv"
    path.write_text("n,said,y\n" + "".join(f"{k % 7},he said {k},{k % 2}\n" for k in range(40)))
    with pytest.raises(DataError, match="free text"):
        load(path)
    assert load(path, drop=["said"]).columns == ("n",)


def test_of_a_table_in_a_file_the_memory_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "houses.csv").write_text(houses(rows=80))
    out = io.StringIO()
    run_job(
        load(tmp_path / "houses.csv", memory=0),
        Settings(epochs=2, doctor=False),
        tmp_path / "run",
        info={"data": "houses.csv"},
        console=Console(file=out, width=100),
        command="chainrule train houses.csv",
    )
    pytest.importorskip("resource", reason="the system does not count memory in this way")
    assert "memory held at most: " in out.getvalue()
    assert "KiB in a file" in out.getvalue()
