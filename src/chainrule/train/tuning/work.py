"""What a process is handed in a search, trials and members of an ensemble: done and told (floor 4).

What is told to another rank is numbers and words (JSON).
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

from chainrule.data import Examples
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning.members import Member, Trained, train_member
from chainrule.train.tuning.running import run_trial
from chainrule.train.tuning.trials import Done, Trial

__all__ = ["Came", "Work", "came_of", "do", "settings_told", "told_came", "told_work", "work_of"]

Work = Trial | Member
Came = Done | Trained

_OF_TRIAL = ("figures", "seconds", "parameters", "error")


def do(examples: Examples, base: Settings, work: Work) -> Came:
    """Do it.

    Args:
        examples: of the study.
        base: the settings that are not searched.
        work: what is to be done.
    """
    if isinstance(work, Member):
        return train_member(examples, work)
    return run_trial(examples, base, work)


def told_work(work: Work) -> dict[str, Any]:
    """Return, as plain values, what is to be done.

    Examples:
        >>> told_work(Trial(3, 0, 2, {"lr": 0.1}))
        {'trial': [3, 0, 2, {'lr': 0.1}]}
    """
    if isinstance(work, Member):
        return {"member": [work.number, dataclasses.asdict(work.settings)]}
    return {"trial": list(work)}


def work_of(told: Mapping[str, Any]) -> Work:
    """Return what `told_work` has told.

    Examples:
        >>> work_of({"trial": [3, 0, 2, {"hidden": [8, 4]}]}).values
        {'hidden': (8, 4)}
    """
    if "member" in told:
        number, settings = told["member"]
        return Member(number, settings_told(settings))
    number, rung, epochs, values = told["trial"]
    return Trial(number, rung, epochs, _with_tuples(values))


def told_came(came: Came) -> dict[str, Any]:
    """Return, as plain values, what came of it."""
    told = {field.name: getattr(came, field.name) for field in dataclasses.fields(came)}
    if isinstance(came, Trained):
        return {**told, "weights": base64.b64encode(came.weights).decode("ascii")}
    return {name: told[name] for name in _OF_TRIAL}


def came_of(work: Work, told: Mapping[str, Any]) -> Came:
    """Return what `told_came` has told.

    Args:
        work: that was done.
        told: by who has done it.
    """
    if isinstance(work, Member):
        return Trained(**{**told, "weights": base64.b64decode(told["weights"], validate=True)})
    return Done(*work, **{name: told[name] for name in _OF_TRIAL})


def settings_told(told: Mapping[str, Any]) -> Settings:
    """Return settings that were told as plain values.

    Examples:
        >>> settings_told({"hidden": [8, 4]}).hidden
        (8, 4)
    """
    return Settings(**_with_tuples(told))


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they were before they travelled."""
    return {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
