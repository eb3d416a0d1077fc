"""An ensemble of a search: the mean of its members, whoever trains them and whatever breaks off."""

import dataclasses
import json
import shutil
from contextlib import closing

import numpy as np
import pytest

import chainrule as cr
from chainrule.data import Examples, load
from chainrule.errors import DataError, OptionError
from chainrule.io import load_model
from chainrule.train import Predictor, compare, predict
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning.ensemble import check_count, chosen_members, train_ensemble
from chainrule.train.tuning.members import Member, Trained
from chainrule.train.tuning.study import Study
from chainrule.train.tuning.trials import Done, Plan
from chainrule.train.tuning.tune import tune
from chainrule.train.tuning.work import came_of, do, told_came, told_work, work_of
from chainrule.train.tuning.workers import Here, Processes, carried_out

SPACE = {"lr": "1e-3..1e-1", "hidden": [4, 8, [8, 4]], "activation": ["relu", "tanh"]}
QUICK = Settings(epochs=4, validation=0.25, threads=1)
EXAMPLES = load("moons", seed=QUICK.seed)
INFO = {"data": "moons", "source": "moons"}


def study_in(folder, examples=EXAMPLES, settings=QUICK):
    return Study(folder, examples, settings, space=SPACE, trials=5)


def together(folder, count=3, runner=Here, told=lambda one: None):
    with study_in(folder) as study, closing(runner(study.examples, study.settings)) as runs:
        return train_ensemble(study, runs, count, info=INFO, told=told)


def two_processes(examples, settings):
    return Processes(2, examples, settings)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The folder of a search without an ensemble."""
    folder = tmp_path_factory.mktemp("searched") / "study"
    tune(EXAMPLES, folder, QUICK, space=SPACE, trials=5)
    return folder


@pytest.fixture
def study(searched, tmp_path):
    """A copy of it to work at."""
    return shutil.copytree(searched, tmp_path / "study")


@pytest.fixture(scope="module")
def made(searched, tmp_path_factory):
    """The folder of a search with an ensemble of three, and what came of that."""
    folder = shutil.copytree(searched, tmp_path_factory.mktemp("made") / "study")
    return folder, together(folder)


def members_of(folder, found):
    return [load_model(folder / "members" / str(number)) for number in found.members]


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- what it is ---------------------------------------------------------------------------------


def test_it_answers_with_the_mean_of_its_members(made):
    folder, found = made
    x = EXAMPLES.x
    chances = [np.exp(predict(m.model, x)) for m in members_of(folder, found)]
    chances = [one / one.sum(axis=1, keepdims=True) for one in chances]
    ensemble = cr.load(found.folder)
    np.testing.assert_allclose(np.exp(predict(ensemble, x)), np.mean(chances, axis=0), rtol=1e-5)
    whole = Predictor.of(str(found.folder))
    answers = whole.answers(whole.outputs(x))
    likely = [answer.probabilities[whole.classes[0]] for answer in answers]
    np.testing.assert_allclose(likely, np.mean(chances, axis=0)[:, 0], rtol=1e-5)


def test_it_is_measured_beside_its_members(made):
    folder, found = made
    about = json.loads((found.folder / "model.json").read_text())
    assert about["test"] == found.figures
    assert [(part["trial"], part["test"]) for part in about["members"]] == list(
        found.members.items()
    )
    whole = compare([str(found.folder), *(str(folder / "members" / str(n)) for n in found.members)])
    assert whole.missed is not None, whole.why_not
    right = (whole.missed == 0).mean(axis=1)
    assert right == pytest.approx(
        [figures["accuracy"] for figures in (found.figures, *found.members.values())]
    )


def test_members_of_one_seed_differ_in_their_beginnings(searched):
    with study_in(searched) as study:
        (first, *_) = chosen_members(study, 1)
        other = first._replace(number=first.number + 1)
        weights = [do(EXAMPLES, study.settings, member).weights for member in (first, other, first)]
    assert weights[0] != weights[1]
    assert weights[0] == weights[2]


def test_the_mean_of_numbers(tmp_path):
    x = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)
    line = Examples("line", x, (x @ [1.0, -2.0, 0.5] + 7).astype(np.float32), None, "")
    study = tune(line, tmp_path, QUICK, space={"lr": "1e-3..1e-1"}, trials=2, ensemble=2)
    members = [cr.load(study.folder / "members" / str(n)) for n in (0, 1)]
    mean = np.mean([predict(m, x) for m in members], axis=0)
    np.testing.assert_allclose(predict(cr.load(tmp_path / "ensemble"), x), mean, rtol=1e-5)


# --- whoever trains, whatever breaks off --------------------------------------------------------


def test_processes_make_the_same(made, study):
    folder, found = made
    assert together(study, runner=two_processes).figures == found.figures
    assert files(study) == files(folder)


def test_what_is_there_is_not_trained_again(made, study):
    folder, found = made
    told = []
    together(study, 2, told=told.append)
    assert len(told) == 2
    (missing,) = set(found.members) - {one.number for one in told}
    together(study, 3, told=told.append)  # one more
    assert [one.number for one in told[2:]] == [missing]
    (study / "members" / str(missing) / "model.json").unlink()  # as if killed while it was written
    assert together(study, 3, told=told.append).figures == found.figures
    assert [one.number for one in told[3:]] == [missing]
    assert files(study) == files(folder)


def test_work_and_what_came_of_it_travel_as_plain_values(searched):
    with study_in(searched) as study:
        (member,) = chosen_members(study, 1)
        assert work_of(json.loads(json.dumps(told_work(member)))) == member
        for came in (do(EXAMPLES, study.settings, member), member.failed("it is too large")):
            assert came_of(member, json.loads(json.dumps(told_came(came)))) == came


class Failing(Here):
    """Fails to train some members."""

    numbers: tuple[int, ...] = ()

    def finish(self):
        if isinstance(self._work, Member) and self._work.number in self.numbers:
            work, self._work = self._work, None
            return work.failed("the loss became nan")
        return super().finish()


def test_a_member_that_cannot_be_trained_is_left_out_and_told(made, study, monkeypatch):
    _, found = made
    first, *others = found.members
    monkeypatch.setattr(Failing, "numbers", (first,))
    told = []
    without = together(study, runner=Failing, told=told.append)
    assert list(without.members) == others
    assert [one.error for one in without.failed] == ["the loss became nan"]
    assert without.failed[0] in told
    assert len(cr.load(without.folder)) == 2


def test_one_member_is_no_ensemble(made, study, monkeypatch):
    monkeypatch.setattr(Failing, "numbers", tuple(made[1].members)[1:])
    with pytest.raises(DataError, match="of 3 members 1 could be trained: the loss became nan"):
        together(study, runner=Failing)
    assert not (study / "ensemble").exists()


def test_a_member_that_was_damaged_is_named(made, study):
    shutil.copytree(made[0] / "members", study / "members")
    broken = next((study / "members").iterdir()) / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:99])
    with pytest.raises(DataError, match=r"model.safetensors is not a whole safetensors file"):
        together(study)


def test_whoever_works_is_never_given_more_than_is_due():
    class Noted:
        def __init__(self):
            self.begun, self.open = [], []

        @property
        def free(self):
            return 2 - len(self.open)

        def start(self, work):
            assert self.free
            self.begun.append(work.number)
            self.open.append(work.number)

        def finish(self):
            return Trained(self.open.pop())

    waiting = {n: Member(n, QUICK) for n in range(3)}
    runner = Noted()
    for one in carried_out(runner, lambda: list(waiting.values())):
        del waiting[one.number]
    assert runner.begun == [0, 1, 2]


# --- who is chosen ------------------------------------------------------------------------------


class Ended:
    """A search that has ended so."""

    settings = QUICK

    def __init__(self, accuracies, kept):
        self.plan = Plan([{"lr": 0.1}] * 9, (1, 3), kept=kept)
        self.done = [
            Done(
                n,
                rung,
                1,
                {"lr": 0.1},
                {"accuracy": share} if share else {},
                error="-" * (not share),
            )
            for rung, found in enumerate(accuracies)
            for n, share in found.items()
        ]


FIRST = {0: 0.5, 1: 0.9, 2: 0.8, 3: 0.7, 4: 0.6, 5: 0.0}


@pytest.mark.parametrize(
    ("last", "kept", "order"),
    [
        ({1: 0.91, 2: 0.92, 3: 0.93}, False, [3, 2, 1, 4, 0]),  # the farthest first
        ({0: 0.95, 1: 0.91, 2: 0.92}, True, [0, 2, 1, 3, 4]),  # one that was kept, and is best
        ({0: 0.90, 1: 0.91, 2: 0.92}, True, [2, 1, 3, 4, 0]),  # one that was kept, and is worst
        ({0: 0.90, 1: 0.91, 2: 0.92}, False, [2, 1, 0, 3, 4]),
    ],
)
def test_those_that_came_farthest_are_members(last, kept, order):
    ended = Ended([FIRST, last], kept)
    assert [member.number for member in chosen_members(ended, 5)] == order


def test_a_member_is_trained_for_the_full_length_on_more_examples():
    (member,) = chosen_members(Ended([FIRST], kept=False), 1)
    meant = dataclasses.replace(QUICK, epochs=3, lr=0.1, validation=0.125)
    assert member.settings == meant
    assert member.seed == meant.seed + 1


@pytest.mark.parametrize("count", [-1, 1, 10])
def test_ensembles_that_cannot_be(count):
    with pytest.raises(OptionError, match=rf"an ensemble of {count} cannot be made .* 9 trials"):
        check_count(count, Ended([FIRST], kept=False).plan)


def test_trials_that_failed_are_no_members():
    with pytest.raises(OptionError, match=r"an ensemble of 6 needs .* 5 did"):
        chosen_members(Ended([FIRST], kept=False), 6)


def test_tune_refuses_it_before_anything_is_trained(tmp_path):
    with pytest.raises(OptionError, match="an ensemble of 3 cannot be made"):
        tune(EXAMPLES, tmp_path, QUICK, space=SPACE, trials=2, ensemble=3)
    assert not (tmp_path / "trials.jsonl").read_bytes()
