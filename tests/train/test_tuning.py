"""A search: the same trials in any order and number of processes, whatever kills it in between."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import Examples, moons
from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning import workers
from chainrule.train.tuning.page import page_of, shares
from chainrule.train.tuning.running import run_trial, settings_of
from chainrule.train.tuning.space import Choice, Range, described, drawn, read_space, usual_space
from chainrule.train.tuning.study import Study, noted_arguments
from chainrule.train.tuning.trials import Done, Plan, Trial, plan_of
from chainrule.train.tuning.tune import check_jobs, tune
from chainrule.train.tuning.workers import Here, Processes, search

SPACE = {"lr": "1e-3..3e-1", "hidden": [4, 8, [8, 4]], "activation": ["relu", "tanh"]}
QUICK = Settings(epochs=4, validation=0.25, threads=1)


def rows(study_folder):
    """What is recorded, without what the clock says."""
    lines = (study_folder / "trials.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    for row in found:
        del row["seconds"]
    return sorted(found, key=lambda row: (row["rung"], row["number"]))


def tuned(folder, **more):
    return tune(moons(160, seed=1), folder, QUICK, space=SPACE, trials=9, **more)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    return folder, tuned(folder)


# --- the space ----------------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.integers(0, 10**6), st.sampled_from(["mlp", "cnn", "linear"]))
def test_what_is_drawn_lies_in_the_space(seed, number, model):
    space = usual_space(Settings(model=model), classes=True)
    values = drawn(space, seed, number)
    assert list(values) == list(space)
    for name, among in space.items():
        assert among.holds(values[name])
    settings_of(Settings(), values, 3)


def test_a_range_is_drawn_evenly_from_end_to_end():
    space = {"lr": Range(1e-4, 1e-2, log=True), "depth": Range(1, 3, whole=True)}
    values = [drawn(space, 0, number) for number in range(600)]
    rates = np.log10([one["lr"] for one in values])
    assert np.histogram(rates, 4, (-4, -2))[0].min() > 110
    depths = [one["depth"] for one in values]
    assert min(depths.count(depth) for depth in (1, 2, 3)) > 160


def test_another_seed_draws_others():
    space = read_space({"lr": "1e-4..1e-1"})
    assert len({drawn(space, seed, number)["lr"] for seed in (0, 1) for number in range(20)}) > 35


def test_a_space_is_read_as_it_is_described():
    space = {**usual_space(Settings(model="mlp"), True), "hidden": Choice((8, (8, 4)))}
    assert read_space(json.loads(json.dumps(described(space)))) == space


def test_texts_and_lists_mean_the_same():
    assert read_space({"hidden": "32,128x64"}) == read_space({"hidden": [32, [128, 64]]})
    assert read_space({"dropout": "0..0.5"}) == {"dropout": Range(0, 0.5)}
    assert read_space({"weight_decay": "1e-5..1e-2"})["weight_decay"].log
    assert not read_space({"weight_decay": "0..1e-2"})["weight_decay"].log
    assert read_space({"optimizer": "sgd"}) == {"optimizer": Choice(("sgd",))}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "must say for each setting"),
        ({"learning_rate": "1"}, "not searched"),
        ({"lr": "0..1"}, "above 0"),
        ({"lr": "1e-1..1e-3"}, "first must be less"),
        ({"lr": "fast"}, "a number from 0"),
        ({"lr": [True]}, "a number from 0"),
        ({"lr": "nan"}, "a number from 0"),
        ({"lr": "1..inf"}, "a number from 0"),
        ({"dropout": 1}, "below 1"),
        ({"hidden": "0"}, "whole number from 1"),
        ({"hidden": [[]]}, "whole number from 1"),
        ({"hidden": "64.5"}, "whole number from 1"),
        ({"activation": "rule"}, "did you mean 'relu'"),
        ({"activation": "a..b"}, "chosen by name"),
        ({"optimizer": []}, "0 values"),
        ({"lr": {"low": 1}}, "None"),
        ({"lr": {"low": 0.1, "high": 1, "log": "yes"}}, "ratios"),
        ({"schedule": [["cosine"]]}, "cosine"),
        ({"batch_size": {"low": [1], "high": 2}}, "whole number"),
    ],
)
def test_a_space_that_cannot_be(given, said):
    with pytest.raises(OptionError, match=said):
        read_space(given)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["lr", "hidden", "activation", "dropout", "depth"]),
)
def test_any_space_is_read_or_refused_with_a_sentence(value, name):
    try:
        space = read_space({name: value})
    except OptionError:
        return
    settings_of(Settings(), drawn(space, 0, 0), 1)


# --- the plan -----------------------------------------------------------------------------------


def played(plan, figure, order=lambda due: due[:1]):
    """Run a plan with invented figures; `order` says which of those due are done next."""
    done, begun = {}, []
    while due := plan.due(done):
        for trial in order(due):
            begun.append(trial.key)
            accuracy = figure(trial)
            told = {"figures": {"accuracy": accuracy, "loss": 1.0}}
            if accuracy is None:
                told = {"error": "it diverged"}
            done[trial.key] = Done(*trial, **told)
    return begun


def test_the_best_third_is_taken_on_and_trained_three_times_as_long():
    plan = Plan([{"lr": n} for n in range(27)], (1, 3, 9, 27))
    begun = played(plan, lambda trial: trial.number / 27)
    assert len(begun) == plan.total == 27 + 9 + 3 + 1
    assert [n for n, rung in begun if rung == 1] == list(range(18, 27))
    assert begun[-1] == (26, 3)
    assert plan.epochs == 4 * 27


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.booleans())
def test_the_order_in_which_trials_end_does_not_matter(random, count, kept):
    plan = Plan([{"lr": n} for n in range(count)], (2, 6, 18), kept=kept)
    accuracies = {n: random.choice([0.5, 0.7, 0.9, None]) for n in range(count)}

    def figure(trial):
        return accuracies[trial.number]

    def any_order(due):
        return random.sample(due, random.randint(1, len(due)))

    assert sorted(played(plan, figure)) == sorted(played(plan, figure, any_order))


def test_the_settings_as_they_were_are_taken_on_to_the_end():
    plan = Plan([{"lr": n} for n in range(9)], (1, 3, 9), kept=True)
    begun = played(plan, lambda trial: trial.number / 9)
    assert [key for key in begun if key[1] == 2] == [(0, 2), (8, 2)]
    assert len(begun) == plan.total


def test_equal_accuracy_is_decided_by_the_loss():
    plan = Plan([{}, {}, {}], (1, 3))
    done = {
        (n, 0): Done(n, 0, 1, {}, {"accuracy": 0.9, "loss": loss})
        for n, loss in enumerate((0.3, 0.1, 0.2))
    }
    assert [trial.number for trial in plan.due(done)] == [1]


def test_of_errors_the_least_is_best():
    ranks = [Done(n, 0, 1, {}, {"mae": mae, "loss": 1.0}).rank for n, mae in enumerate((3, 1, 2))]
    assert ranks.index(min(ranks)) == 1


def test_a_search_in_which_all_fail_ends():
    plan = Plan([{}, {}, {}], (1, 3))
    assert len(played(plan, lambda trial: None)) == 3


def test_a_grid_has_every_combination():
    space = read_space({"hidden": "8,16", "lr": "1e-3..1e-1", "depth": "1..2"})
    plan = plan_of("grid", space, seed=0, trials=1, epochs=5, first={})
    assert len(plan.values) == len({tuple(v.items()) for v in plan.values}) == 2 * 3 * 2
    assert {v["lr"] for v in plan.values} == {1e-3, 1e-2, 1e-1}
    assert {v["depth"] for v in plan.values} == {1, 2}


def test_a_grid_too_large_is_refused():
    names = ("lr", "dropout", "weight_decay", "label_smoothing")
    space = {name: Choice(tuple(range(60))) for name in names}
    with pytest.raises(OptionError, match="12,960,000 combinations"):
        plan_of("grid", space, seed=0, trials=1, epochs=5, first={})


def test_the_first_trial_is_what_it_would_be_without_a_search():
    space = read_space({"lr": "1e-4..1e-2", "dropout": "0.1..0.5"})
    plan = plan_of("random", space, seed=0, trials=2, epochs=5, first={"lr": 0.002, "dropout": 0.0})
    assert plan.values[0]["lr"] == 0.002
    assert plan.values[0]["dropout"] >= 0.1  # the person leaves 0 out
    assert not plan.kept


@pytest.mark.parametrize(("method", "trials"), [("random", 0), ("halving", 10**6)])
def test_numbers_of_trials_that_cannot_be(method, trials):
    with pytest.raises(OptionError, match="trials must be"):
        plan_of(method, {"dropout": Range(0, 1)}, seed=0, trials=trials, epochs=5, first={})


def test_a_method_that_is_none():
    with pytest.raises(OptionError, match="there is no method 'hyperband'"):
        plan_of("hyperband", {}, seed=0, trials=3, epochs=5, first={})


# --- a trial ------------------------------------------------------------------------------------


def test_layers_are_as_wide_as_said_and_as_many():
    assert settings_of(Settings(), {"hidden": 8, "depth": 3}, 1).hidden == (8, 8, 8)
    assert settings_of(Settings(), {"hidden": (8, 4), "depth": 3}, 1).hidden == (8, 4)
    assert settings_of(Settings(hidden=(16,)), {"depth": 2}, 1).hidden == (16, 16)


def test_a_trial_that_diverges_is_one_that_failed():
    settings = Settings(validation=0.3, optimizer="sgd", schedule="constant", epochs=3)
    x = np.linspace(-1, 1, 60, dtype="f4").reshape(-1, 1)
    numbers = Examples("line", x, (3 * x).ravel(), None, "made", ("x",))
    done = run_trial(numbers, settings, Trial(4, 1, 30, {"lr": 1e6}))
    assert done.error.startswith("the loss became")
    assert (done.number, done.rung, done.figures) == (4, 1, {})


def test_a_trial_does_not_see_the_test_examples():
    whole = moons(160, seed=1)
    rest, test = whole.split(0.2, QUICK.seed)
    other = Examples("moons", test.x + 100, 1 - test.y, test.classes, "", test.columns)
    trial = Trial(0, 0, 3, {"lr": 0.05})
    with_test = [
        run_trial(Examples(*(rest.name, rest.x, rest.y, rest.classes, ""), test=part), QUICK, trial)
        for part in (None, other)
    ]
    alone = Settings(**{**vars(QUICK), "test": 0.2})
    split = run_trial(whole, alone, trial)
    assert with_test[1].figures == split.figures


# --- the study ----------------------------------------------------------------------------------


def test_processes_come_to_the_same(undisturbed, tmp_path):
    folder, one = undisturbed
    examples = moons(160, seed=1)
    with Study(tmp_path / "two", examples, QUICK, space=SPACE, trials=9) as study:
        with closing(Processes(2, examples, study.settings)) as runner:
            search(study, runner)
        assert study.best.figures == one.best.figures
        assert study.best_settings == one.best_settings
    assert rows(tmp_path / "two") == rows(folder)


def test_a_study_that_is_done_is_not_run_again(undisturbed):
    folder, one = undisturbed
    before = (folder / "trials.jsonl").read_bytes()
    again = tuned(folder)
    assert again.best == one.best
    assert (folder / "trials.jsonl").read_bytes() == before


@pytest.mark.parametrize("kept", [0, 1, 5, 9, 11])
def test_it_goes_on_from_any_line(undisturbed, tmp_path, kept):
    folder, one = undisturbed
    (tmp_path / "s").mkdir()
    lines = (folder / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "s" / "study.json").write_bytes((folder / "study.json").read_bytes())
    (tmp_path / "s" / "trials.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:17])
    told = []
    again = tuned(tmp_path / "s", told=told.append)
    assert again.best.figures == one.best.figures
    assert len(told) == len(lines) - kept
    assert "was cut off after 17 bytes" in again.note
    assert rows(tmp_path / "s") == rows(folder)


PROGRAM = f"""
import sys
if __name__ == "__main__":
    from chainrule.data import moons
    from chainrule.train.job.outcome import Settings
    from chainrule.train.tuning.study import Study
    from chainrule.train.tuning.workers import Processes, search
    examples = moons(160, seed=1)
    settings = {QUICK!r}
    with Study(sys.argv[1], examples, settings, space={SPACE!r}, trials=9) as study:
        runner = Processes(2, examples, study.settings)
        search(study, runner, lambda one: print(one.number, one.rung, flush=True))
        runner.close()
"""


def is_running(number):
    """Whether a process is there and no mere remainder of one."""
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_killed_and_run_again_it_comes_to_the_same(undisturbed, tmp_path):
    folder, _ = undisturbed
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, tmp_path / "program.py", tmp_path / "study"]
    for lines in (1, 3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(lines):
                process.stdout.readline()
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                children = [int(number) for number in file.read().split()]
            process.send_signal(signal.SIGKILL)
        assert children
        end = time.monotonic() + 30
        while any(map(is_running, children)):
            assert time.monotonic() < end, "processes outlive the one that began them"
            time.sleep(0.05)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert rows(tmp_path / "study") == rows(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 8}, "another trials"),
        ({"method": "random"}, "another method"),
        ({"space": {"lr": "1e-3..1e-1"}}, "another 'lr' in its space"),
        ({"settings": Settings(epochs=4, validation=0.25, seed=3)}, "another 'seed'"),
        ({"examples": moons(161, seed=1)}, "other data"),
    ],
)
def test_a_folder_of_another_study_is_refused(undisturbed, changes, said):
    folder, _ = undisturbed
    given = {"examples": moons(160, seed=1), "settings": QUICK, "space": SPACE, "trials": 9}
    with pytest.raises(OptionError, match=said):
        tune(folder=folder, **{**given, **changes})


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match="something else"):
        tuned(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_at_one_study_are_refused(tmp_path):
    pytest.importorskip("fcntl")
    with (
        Study(tmp_path, moons(60), QUICK, space=SPACE),
        pytest.raises(OptionError, match="another process"),
    ):
        Study(tmp_path, moons(60), QUICK, space=SPACE)


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"lr": 7.0}},
        {"values": []},
        {"number": 99},
        {"number": -1},
        {"rung": 1.5},
        {"epochs": 2},
        {"figures": {"accuracy": "good", "loss": 1}},
        {"figures": {"accuracy": float("nan"), "loss": 1}},
        {"figures": {"accuracy": 0.5}},
        {"figures": {}},
        {"figures": [1]},
        {"error": 3},
        {"seconds": None},
        "no record at all",
    ],
    ids=str,
)
def test_a_damaged_line_is_named(undisturbed, tmp_path, change):
    folder, _ = undisturbed
    lines = (folder / "trials.jsonl").read_text().splitlines()
    row = json.loads(lines[1])
    lines[1] = json.dumps({**row, **change} if isinstance(change, dict) else change)
    (tmp_path / "study.json").write_bytes((folder / "study.json").read_bytes())
    (tmp_path / "trials.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="line 2 is no trial of this study"):
        tuned(tmp_path)


def test_a_damaged_description_is_named(tmp_path):
    for text in ("{", "[]", '{"arguments": 3}', "[" * 100_000):
        (tmp_path / "study.json").write_text(text)
        with pytest.raises(DataError, match=r"study\.json"):
            noted_arguments(tmp_path)
    with pytest.raises(DataError, match="no folder of a study"):
        noted_arguments(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("settings", "space", "said"),
    [
        (Settings(validation=0), SPACE, "validation must be above 0"),
        (QUICK, {"lr": 0.1}, "nothing to search"),
        (Settings(model="linear", validation=0.2), SPACE, "no hidden to search"),
        (Settings(lr=-1.0, validation=0.2), SPACE, "--lr must be above 0"),
    ],
)
def test_studies_that_cannot_be(tmp_path, settings, space, said):
    with pytest.raises(OptionError, match=said):
        Study(tmp_path / "s", moons(60), settings, space=space)
    assert not (tmp_path / "s").exists()


def test_label_smoothing_is_for_classes(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 2))
    numbers = Examples("sum", x, x.sum(axis=1), None, "made")
    with pytest.raises(OptionError, match="label_smoothing is for classes"):
        Study(tmp_path / "s", numbers, QUICK, space={"label_smoothing": "0..0.2"})


def test_a_setting_with_one_value_is_set(tmp_path):
    with Study(tmp_path, moons(60), QUICK, space={"lr": "1e-3..1e-1", "dropout": "0.25"}) as study:
        assert list(study.space) == ["lr"]
        assert study.settings.dropout == 0.25


def test_where_every_trial_fails_there_is_no_best(tmp_path):
    with Study(tmp_path, moons(60), QUICK, space=SPACE, trials=3) as study:
        assert study.best is None
        for trial in study.due():
            study.add(Done(*trial, error="the loss is no number"))
        assert not study.due()
        with pytest.raises(DataError, match="come to anything: the loss is no number"):
            _ = study.best_settings


def test_the_default_is_never_beaten_by_what_is_worse(undisturbed):
    _, study = undisturbed
    last = len(study.plan.budgets) - 1
    others = [one.figures["accuracy"] for one in study.done if one.rung == last]
    assert study.best.figures["accuracy"] == max(others)


# --- who runs them ------------------------------------------------------------------------------


def die(examples, settings, trial):
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return run_trial(examples, settings, trial)


def leave(pipe, examples, settings):
    os._exit(3)


def serve_and_die(pipe, examples, settings):
    workers.do = die
    workers._serve(pipe, examples, settings)


def test_a_trial_whose_process_is_killed_twice_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_serve", serve_and_die)
    examples = moons(60)
    with (
        Study(tmp_path, examples, QUICK, space=SPACE, trials=2, method="random") as study,
        closing(Processes(1, examples, study.settings)) as runner,
    ):
        search(study, runner)
    first, second = sorted(study.done, key=lambda one: one.number)
    assert not first.error
    assert "killed by signal 9" in second.error


def test_processes_that_cannot_begin_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_serve", leave)
    examples = moons(60)
    with (
        Study(tmp_path, examples, QUICK, space=SPACE, trials=2) as study,
        closing(Processes(1, examples, study.settings)) as runner,
        pytest.raises(ChainruleError, match="ended with code 3"),
    ):
        search(study, runner)
    assert not study.done


def test_who_runs_them_is_told_what_is_due_in_order(tmp_path):
    begun = []

    class Noted(Here):
        def start(self, trial):
            begun.append(trial.key)
            super().start(trial)

    examples = moons(60)
    with Study(tmp_path, examples, QUICK, space=SPACE, trials=3) as study:
        search(study, Noted(examples, study.settings))
        assert begun == [(one.rung and (one.number, 1)) or (one.number, 0) for one in study.done]
        assert begun[:3] == [(0, 0), (1, 0), (2, 0)]


def test_more_threads_than_cores_are_refused():
    with pytest.raises(OptionError, match="need 4000 cores"):
        check_jobs(1000, 4)
    with pytest.raises(OptionError, match="at least 1"):
        check_jobs(0, 1)
    check_jobs(1, 4000)  # one process is a person's own affair


# --- its page -----------------------------------------------------------------------------------


def test_what_it_hangs_on_is_found(tmp_path):
    space = {"lr": "1e-3..1e-1", "activation": "relu,tanh", "dropout": "0..0.5"}
    with Study(tmp_path, moons(60), QUICK, space=space, trials=60) as study:
        for trial in study.due():
            accuracy = 0.5 + 0.4 * (trial.values["activation"] == "tanh")
            accuracy += 0.001 * (trial.number % 7)
            study.add(Done(*trial, figures={"accuracy": accuracy, "loss": 1.0}))
        found = shares(study)
    assert next(iter(found)) == "activation"
    assert found["activation"] > 0.7
    assert found["lr"] < 0.2
    assert found["dropout"] < 0.2


def test_the_page_has_all_of_it(undisturbed):
    _, study = undisturbed
    page = page_of(study, "chainrule train moons --lr 0.1")
    assert [p.name for p in page.passages] == ["best", "course", "shares", "settings", "trials"]
    table = page.passages[-1].content
    assert table.count("<tr") == len(study.done) + 1
    assert "accuracy" in table
