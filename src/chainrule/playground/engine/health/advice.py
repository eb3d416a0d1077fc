"""What the doctor advises somebody at a page: in words, and settings that mend it (floor 5).

A finding of `explain.doctor` speaks to whoever wrote a program. Here each check that can find
something on a page has a function that says what to do there, and which settings would do it.
Every check of the doctor's is in one of the two tables: those with advice, and those that nothing
on a page can bring about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from chainrule.errors import OptionError
from chainrule.explain.doctor.finding import Finding
from chainrule.playground.engine.settings import Amount, Choice, Setting

__all__ = ["ADVICE", "FORETOLD", "NOT_HERE", "remark"]

Values: TypeAlias = Mapping[str, Any]
Advice: TypeAlias = tuple[str, dict[str, Any]]

_MOST_UNITS, _MOST_LAYERS = 64, 4


# --- the learning rate ----------------------------------------------------------------------------


# Rates at which networks of a few layers learn numbers of about 1 well, by optimizer: of several,
# tried on the pages' data with tanh and ReLU, those that were good or nearly so on all of them.
_RATES = {
    "sgd": 0.3,
    "momentum": 0.03,
    "nesterov": 0.03,
    "adagrad": 0.1,
    "rmsprop": 0.01,
    "adam": 0.01,
}


def _better(finding: Finding, settings: Values) -> float:
    """The usual rate, if it lies where it should and can be borne; else what was measured."""
    rate, measured = settings["lr"], finding.figures.get("better", settings["lr"] / 10)
    usual = _RATES.get(settings.get("optimizer", ""), measured)
    right = usual < rate if measured < rate else usual > rate
    return usual if right and usual <= finding.figures.get("bears", math.inf) else measured


def _rate(finding: Finding, settings: Values) -> Advice:
    better = float(f"{_better(finding, settings):.1g}")
    return f"Take a learning rate of {better:g}.", {"lr": better}


def _died(finding: Finding, settings: Values) -> Advice:
    sentence, change = _rate(finding, settings)
    if settings.get("activation") != "relu":
        return sentence, change
    said = f"{sentence[:-1]}, and leaky ReLU, which has a slope everywhere."
    return said, {**change, "activation": "leaky_relu"}


# --- units and first weights ----------------------------------------------------------------------


def _slope_everywhere(finding: Finding, settings: Values) -> Advice:
    return (
        "Take leaky ReLU, whose units have a slope everywhere, or begin with another seed.",
        {"activation": "leaky_relu"},
    )


def _usual_start(finding: Finding, settings: Values) -> Advice:
    """First weights of the size that keeps numbers as they are."""
    if "init" not in settings:
        return "Begin with another seed, or with fewer layers.", {}
    name = "he" if "relu" in str(settings.get("activation")) else "xavier"
    if settings["init"] == name:
        return "Begin with another seed, or with fewer layers.", {}
    return "Draw the first weights at the size that keeps numbers as they are.", {"init": name}


def _vanish(finding: Finding, settings: Values) -> Advice:
    if settings.get("activation") == "sigmoid":
        return "Take tanh in place of sigmoid, whose slope is a quarter at most.", {
            "activation": "tanh"
        }
    return _usual_start(finding, settings)


def _cannot_learn(finding: Finding, settings: Values) -> Advice:
    if settings.get("init") in ("zeros", "small"):
        said = "Draw the first weights at random: units that begin alike stay alike."
        return said, {"init": "usual"}
    return _larger(finding, settings)


# --- what it can learn ----------------------------------------------------------------------------


def _larger(finding: Finding, settings: Values) -> Advice:
    """More to learn with: a bend, a layer, or wider ones."""
    layers = list(settings.get("layers", []))
    if layers and settings.get("activation") == "linear":
        said = "Take an activation that bends: linear layers in a row are one linear layer."
        return said, {"activation": "tanh"}
    if not layers:
        return "Give it a hidden layer: without one it can only draw a straight line.", {
            "layers": [8]
        }
    if max(layers) < 8:
        return "Give it wider layers.", {"layers": [8] * max(len(layers), 2)}
    if max(layers) < _MOST_UNITS:
        return "Give it wider layers.", {"layers": [min(2 * n, _MOST_UNITS) for n in layers]}
    if len(layers) < _MOST_LAYERS:
        return "Give it one more hidden layer.", {"layers": [*layers, layers[-1]]}
    return "If a larger network changes nothing, the inputs do not tell the targets.", {}


def _moving_on(finding: Finding, settings: Values) -> Advice:
    """Other first weights, or another rate, if those are odd; else more to learn with."""
    if settings.get("init") in ("zeros", "small"):
        return _cannot_learn(finding, settings)
    usual = _RATES.get(settings.get("optimizer", ""))
    if usual and not usual / 10 < settings["lr"] < usual * 10:
        return f"Take the usual learning rate of {usual:g}, which is far away.", {"lr": usual}
    return _larger(finding, settings)


def _less_by_heart(finding: Finding, settings: Values) -> Advice:
    if not settings.get("l2", 1):
        return "Keep the weights small: a penalty L2 of 0.01.", {"l2": 0.01}
    if settings.get("dropout", 1) < 0.2 and max(settings.get("layers") or [0]) >= 8:
        return "Let each step leave units out: dropout of 0.2.", {"dropout": 0.2}
    if _drawn_at_random(settings) and settings["points"] < 2000:
        more = min(2 * settings["points"], 5000)
        return f"Learn from more points: {more:,}.", {"points": more}
    return "Take a smaller network, or more data.", {}


def _drawn_at_random(settings: Values) -> bool:
    return "points" in settings and settings.get("data") not in ("drawn", "csv")


# --- the data -------------------------------------------------------------------------------------


def _words(sentence: str) -> Callable[[Finding, Values], Advice]:
    """Advice that no setting can follow."""
    return lambda finding, settings: (sentence, {})


ADVICE: Mapping[str, Callable[[Finding, Values], Advice]] = {
    "learning rate too high": _rate,
    "learning rate too low": _rate,
    "updates of the wrong size": _rate,
    "updates too large": _rate,
    "loss explodes": _rate,
    "units died": _died,
    "dead ReLUs": _slope_everywhere,
    "saturated units": _usual_start,
    "loss far from guessing": _usual_start,
    "gradients vanish": _vanish,
    "gradients explode": _usual_start,
    "cannot learn one batch": _cannot_learn,
    "plateau": _moving_on,
    "overfitting": _less_by_heart,
    "NaN in the data": _words("Leave the rows out that hold no number."),
    "inputs constant": _words("Leave the column out, or find out why its rows are all alike."),
    "inputs unscaled": _words("Bring the columns to one scale, of numbers of about 1."),
    "targets all alike": _words("Give it points of another class too, or other numbers."),
    "targets unscaled": _words("Bring the numbers to be predicted to a scale of about 1."),
    "classes out of balance": _words(
        "Look at more than the accuracy, and give it more of the rare classes."
    ),
    "rows in both splits": _words(
        "Drop copies of rows from the file, or draw points further apart."
    ),
}

# Checks that are not made, and why.
NOT_HERE: Mapping[str, str] = {
    "a column gives the answer away": "a feature by which all can be told is what one looks for",
    "integer inputs": "the pages give their networks floats",
    "rows in the order of their class": "the pages shuffle rows in each epoch",
    "softmax before the loss": "the networks of the pages end in scores",
    "wrong mode": "the pages train in training mode",
    "nothing to learn": "every network of the pages has weights that learn",
    "no gradient arrives": "the layers of the pages stand in a row",
    "not in the optimiser": "the pages give the optimiser all parameters",
    "another model's optimiser": "the pages make the optimiser of their own network",
    "frozen in the optimiser": "the pages freeze nothing",
    "zero_grad forgotten": "the step is the page's own",
    "the step changes nothing": "the step is the page's own",
    "does not run": "the pages build networks that run",
    "batch norm of one row": "the networks of the pages have no batch norm",
    "batch norm of a few rows": "the networks of the pages have no batch norm",
}

# Checks of the start that say how training will go: once it goes well, they were wrong.
FORETOLD = frozenset(
    {
        "updates of the wrong size",
        "dead ReLUs",
        "saturated units",
        "loss far from guessing",
        "gradients vanish",
        "gradients explode",
        "cannot learn one batch",
        "inputs unscaled",
        "targets unscaled",
    }
)

# After these the weights are not worth going on with.
_RUINED = (
    "learning rate too high",
    "loss explodes",
    "units died",
    "updates of the wrong size",
    "updates too large",
)


def remark(
    finding: Finding,
    settings: Values,
    table: Mapping[str, Setting],
    places: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a finding as a page shows it.

    Args:
        finding: of a check that is in `ADVICE`.
        settings: as they are.
        table: what can be set.
        places: what a page calls the modules, by their paths.

    Returns:
        title, evidence, advice, severity, and apply: a label, the settings that would mend it and
        whether to begin anew after them; `None` where no setting would.

    Examples:
        >>> from chainrule.explain.doctor.finding import Severity
        >>> found = Finding("learning rate too low", Severity.HARMFUL, "", "it crawls", "",
        ...                 {"better": 0.03})
        >>> table = {"lr": Amount(label="Learning rate", usual=1, low=0, high=9, live=True)}
        >>> told = remark(found, {"lr": 1e-6}, table)
        >>> told["evidence"], told["apply"]["label"]
        ('It crawls.', 'Set learning rate to 0.03')
    """
    sentence, change = ADVICE[finding.check](finding, settings)
    change = _possible(change, settings, table)
    where = _placed(finding.where, places or {})
    return {
        "title": _capital(f"{finding.check}, {where}" if where else finding.check),
        "evidence": _capital(_plain(_placed(finding.evidence, places or {}))) + ".",
        "advice": sentence,
        "severity": int(finding.severity),
        "apply": _button(finding, change, table) if change else None,
    }


def _possible(change: Values, settings: Values, table: Mapping[str, Setting]) -> dict[str, Any]:
    """The part of a change that can be set and is one."""
    found = {}
    for name, value in change.items():
        if name in table and name in settings:
            kind = table[name]
            if isinstance(kind, Amount):
                value = min(max(value, kind.low), kind.high)
            try:
                found[name] = kind.check(name, value)
            except OptionError:  # a page without that choice
                continue
    return {name: value for name, value in found.items() if value != settings[name]}


def _button(finding: Finding, change: Values, table: Mapping[str, Setting]) -> dict[str, Any]:
    live = all(table[name].live for name in change)
    restart = live and finding.check in _RUINED
    said = [f"set {_small(table[n].label)} to {_said(table[n], v)}" for n, v in change.items()]
    anew = " and begin anew" if restart or not live else ""
    return {
        "label": _capital(", ".join(said)) + anew,
        "settings": dict(change),
        "restart": restart,
    }


def _small(label: str) -> str:
    """A label within a sentence; L2 stays what it is."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _said(kind: Setting, value: Any) -> str:
    if isinstance(kind, Choice) and isinstance(value, str):
        return kind.options[value]
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _placed(text: str, places: Mapping[str, str]) -> str:
    """A text with the page's names of layers in place of the paths of modules."""
    for path, name in places.items():
        text = re.sub(rf"(?<![\w.,]){re.escape(path)}\.weight\b", f"the weights of {name}", text)
        text = re.sub(rf"^{re.escape(path)}( \(\w+\))?$", name, text)
    return text


def _plain(text: str) -> str:
    """A text with numbers such as 1e+02 written out."""
    return re.sub(r"\b\d(\.\d+)?e\+0\d\b", lambda found: f"{float(found[0]):,.0f}", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
