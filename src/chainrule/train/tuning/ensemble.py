"""The best trials of a study as one model, which predicts by the mean of theirs (floor 4).

`members` has a model for each trial, trained once more, and `ensemble` all of them as one; each is
a folder like that of any run. A member that is there already is not trained again, so what was
stopped goes on, and a larger ensemble trains only what it has more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule import nn
from chainrule.backend.threads import policy
from chainrule.errors import DataError, OptionError
from chainrule.io import load_model, save_model
from chainrule.io.weights import parsed
from chainrule.train.fitting.loop import predict
from chainrule.train.job.choices import measured_by
from chainrule.train.job.described import description_of
from chainrule.train.job.parts import figures_of
from chainrule.train.tuning.members import Member, Trained, job_of
from chainrule.train.tuning.running import best_run, settings_of
from chainrule.train.tuning.study import Study
from chainrule.train.tuning.trials import Done, Plan
from chainrule.train.tuning.workers import Runner, carried_out

__all__ = ["Ensembled", "check_count", "chosen_members", "is_there", "train_ensemble"]

_MEMBERS, _ENSEMBLE = "members", "ensemble"


@dataclasses.dataclass(frozen=True)
class Ensembled:
    """What came of an ensemble.

    Attributes:
        folder: of its model.
        figures: of the test: name and value.
        members: those of each member, by the number of its trial, the best trial first.
        failed: members that could not be trained, and why.
    """

    folder: Path
    figures: Mapping[str, float]
    members: Mapping[int, Mapping[str, float]]
    failed: Sequence[Trained] = ()


def check_count(count: int, plan: Plan) -> None:
    """Let a number of members pass that a search can have; 0 is no ensemble.

    Args:
        count: of the members.
        plan: of the study.

    Raises:
        OptionError: it is 1, or more than there are trials.
    """
    trials = len(plan.values)
    if count and not 2 <= count <= trials:
        raise OptionError(
            f"an ensemble of {count} cannot be made of a search with {trials} trials; it has at "
            "least 2 members, each the settings of another trial"
        )


def train_ensemble(
    study: Study,
    runner: Runner,
    count: int,
    *,
    info: Mapping[str, Any],
    told: Callable[[Trained], None] = lambda one: None,
) -> Ensembled:
    """Train the best trials of a study once more, and write them as one model.

    Args:
        study: whose search is over.
        runner: who trains.
        count: how many members it is to have.
        info: plain data to keep with each model.
        told: is called with each member that was trained.

    Raises:
        OptionError: so many trials have not come to anything.
        DataError: fewer than two members could be trained, or a model that is there is damaged.
    """
    members = chosen_members(study, count)
    waiting = {member.key: member for member in members if not is_there(study, member)}
    failed = []
    for one in carried_out(runner, lambda: list(waiting.values())):
        assert isinstance(one, Trained)
        member = waiting.pop(one.key)
        if one.error:
            failed.append(one)
        else:
            _keep(study, member, one, info)
        told(one)
    without = {one.number for one in failed}
    sound = [member for member in members if member.number not in without]
    if len(sound) < 2:
        raise DataError(f"of {count} members {len(sound)} could be trained: {failed[0].error}")
    return dataclasses.replace(_together(study, sound, info), failed=failed)


def chosen_members(study: Study, count: int) -> list[Member]:
    """Return the best trials as members: those that came farthest first, by what they came to.

    A trial that is taken on whatever it comes to has come as far as it is not the worst there.

    Args:
        study: whose search is over.
        count: how many.

    Raises:
        OptionError: there are not so many that have come to anything.
    """
    found: dict[int, Done] = {}
    for rung in reversed(range(len(study.plan.budgets))):
        here = sorted((d for d in study.done if d.rung == rung and not d.error), key=_rank)
        if rung and study.plan.kept and len(here) > 1 and here[-1].number == 0:
            here.pop()
        for one in here:
            found.setdefault(one.number, one)
    if len(found) < count:
        raise OptionError(
            f"an ensemble of {count} needs as many trials that came to something, and "
            f"{len(found)} did; give a smaller one"
        )
    return [_member(study, one) for one in list(found.values())[:count]]


def _rank(one: Done) -> tuple[float, float, int]:
    return one.rank


def _member(study: Study, one: Done) -> Member:
    settings = settings_of(study.settings, one.values, study.plan.budgets[-1])
    return Member(one.number, best_run(settings))


# --- folders ------------------------------------------------------------------------------------


def is_there(study: Study, member: Member) -> bool:
    """Whether a member was trained already.

    Args:
        study: whose member it is.
        member: of an ensemble of any size.

    Raises:
        DataError: what is there is damaged.
    """
    folder = _folder(study, member)
    return (folder / "model.json").exists() and load_model(folder).info.get(
        "trial"
    ) == member.number


def _folder(study: Study, member: Member) -> Path:
    return study.folder / _MEMBERS / str(member.number)


def _keep(study: Study, member: Member, one: Trained, info: Mapping[str, Any]) -> None:
    """Write the model of a member."""
    job = job_of(study.examples, member)
    job.model.load_state_dict(parsed(one.weights, f"what trial {one.number} came to")[0])
    own = {**info, "trial": member.number, "seed_of_weights": member.seed}
    figures = _measured(study, member, job.model)
    described = description_of(study.examples, member.settings, figures, own)
    save_model(_folder(study, member), job.model, described)


def _together(study: Study, members: Sequence[Member], info: Mapping[str, Any]) -> Ensembled:
    """Measure the members and their ensemble, and write what was found."""
    models = [load_model(_folder(study, member)).model for member in members]
    measured = [_measured(study, *pair) for pair in zip(members, models)]
    average = "values" if study.examples.classes is None else "probabilities"
    ensemble = nn.Ensemble(models, average).eval()
    figures = _measured(study, members[0], ensemble)
    parts = [
        {"trial": m.number, "seed_of_weights": m.seed, "settings": vars(m.settings), "test": found}
        for m, found in zip(members, measured)
    ]
    folder = study.folder / _ENSEMBLE
    about = description_of(study.examples, members[0].settings, figures, {**info, "members": parts})
    save_model(folder, ensemble, about)
    return Ensembled(folder, figures, {m.number: f for m, f in zip(members, measured)})


def _measured(study: Study, member: Member, model: nn.Module) -> dict[str, float]:
    """The figures of the test, which is the same for all members."""
    job = job_of(study.examples, member)
    test = job.parts[2]
    with policy(job.settings.threads):
        return figures_of(predict(model, test.x), test, measured_by(job.settings, job.task))
