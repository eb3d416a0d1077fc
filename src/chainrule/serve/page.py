"""The page of the service: what the model does, a form to try it, and how programs ask (floor 5).

It stands alone like every page of this library: no script, no address outside, a policy that
forbids both. A form goes to the service itself, and what comes back is this page with the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from chainrule.picture import Markup, document, element, join
from chainrule.serve.reading import COLUMN
from chainrule.train.job.predictor import Answer, Predictor

__all__ = ["answered", "page", "refused"]

_MOST_FIELDS = 200  # columns that a person would fill in
_MOST_BARS = 12


def page(
    predictor: Predictor,
    title: str,
    address: str,
    said: Markup | None = None,
    filled: Mapping[str, Any] | None = None,
) -> str:
    """Return the page.

    Args:
        predictor: of the run.
        title: of the service.
        address: under which it was asked for.
        said: an answer to show.
        filled: the values that it answers, by column, to go on from.
    """
    band = element(
        "div",
        element("p", "A model, served by chainrule", class_="kind"),
        element("h1", title),
        element("p", _about(predictor)),
    )
    body = (
        element("header", band, class_="band"),
        element("main", said, _form(predictor, filled or {}), _programs(predictor, address)),
        element("footer", "This page is whole: it loads nothing."),
    )
    style = files("chainrule.serve").joinpath("page.css").read_text(encoding="utf-8")
    return document(title, style, *body)


def _about(predictor: Predictor) -> str:
    shape, classes = predictor.takes.shape, predictor.classes
    if len(shape) == 3:
        given = f"an image of {shape[1]}x{shape[2]}, {'grey' if shape[0] == 1 else 'in colour'}"
    else:
        given = f"a row of {predictor.width} {'values' if predictor.width > 1 else 'value'}"
    if not classes:
        return f"It takes {given}, and predicts a number."
    named = ", ".join(classes[:12]) + ", ..." * (len(classes) > 12)
    return f"It takes {given}, and says which of {len(classes)} classes it is: {named}."


# --- the form -----------------------------------------------------------------------------------


def _form(predictor: Predictor, filled: Mapping[str, Any]) -> Markup | None:
    image = len(predictor.takes.shape) == 3
    fields = _image_fields() if image else _row_fields(predictor, filled)
    if not fields:
        return None
    form = element(
        "form",
        *fields,
        element("div", element("button", "Predict")),
        method="post",
        action="/",
        enctype="multipart/form-data",
    )
    return join([element("h2", "Try it"), form])


def _image_fields() -> list[Markup]:
    file = element("input", type="file", name="image", accept="image/*", required="required")
    return [
        element("label", "An image", file, class_="wide"),
        _switch("resize", "bring it to the size that the model takes", checked="checked"),
        _switch("invert", "exchange black and white, for dark ink on paper"),
    ]


def _switch(name: str, says: str, checked: str | None = None) -> Markup:
    box = element("input", type="checkbox", name=name, value="1", checked=checked)
    return element("label", box, says, class_="switch wide")


def _row_fields(predictor: Predictor, filled: Mapping[str, Any]) -> list[Markup]:
    if not 0 < len(predictor.columns) <= _MOST_FIELDS:
        return []
    return [_field(predictor, name, filled.get(name)) for name in predictor.columns]


def _field(predictor: Predictor, name: str, value: Any) -> Markup:
    """A place for the value of a column."""
    known: Sequence[str] = ()
    example, needed = "", "required"
    if predictor.recipe is not None:
        column = next(one for one in predictor.recipe.columns if one.name == name)
        known, example, needed = column.categories, column.example, ""
    list_id = f"of-{predictor.columns.index(name)}" if known else None
    options = [element("option", value=one) for one in known[:200]]
    return element(
        "label",
        name,
        element(
            "input",
            name=COLUMN + name,
            required=needed or None,
            placeholder=example or None,
            value=None if value is None else str(_sample(str(value))),
            list=list_id,
            inputmode=None if known else "text",
            autocomplete="off",
        ),
        element("datalist", *options, id=list_id) if known else None,
    )


# --- for programs -------------------------------------------------------------------------------


def _programs(predictor: Predictor, address: str) -> Markup:
    if len(predictor.takes.shape) == 3:
        line = f"curl -F image=@picture.png -F resize=1 {address}/predict"
    else:
        body = json.dumps({"rows": [_example(predictor)]})
        quoted = body.replace("'", "'\\''")
        line = f"curl {address}/predict -d '{quoted}'"
    links = join(
        [
            "What may be sent and what comes back is described at ",
            element("a", "/schema", href="/schema"),
            " and, for tools, at ",
            element("a", "/openapi.json", href="/openapi.json"),
            "; ",
            element("a", "/health", href="/health"),
            " says how the service is.",
        ]
    )
    return join([element("h2", "From a program"), element("pre", line), element("p", links)])


def _example(predictor: Predictor) -> Any:
    """A row as a program may send it."""
    if predictor.recipe is not None:
        columns = {one.name: one for one in predictor.recipe.columns}
        return {name: _sample(columns[name].example) for name in predictor.columns[:24]}
    if predictor.columns:
        return dict.fromkeys(predictor.columns[:24], 0)
    return [0] * min(predictor.width, 24)


def _sample(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


# --- the answer ---------------------------------------------------------------------------------


def answered(answers: Sequence[Answer], notes: Sequence[str]) -> Markup:
    """Return what the model says, to be shown.

    Args:
        answers: one for each row or image.
        notes: on what was never met in training.
    """
    return element(
        "section", *map(_answer, answers), *(element("p", note) for note in notes), class_="answer"
    )


def _answer(answer: Answer) -> Markup:
    if not answer.probabilities:
        return element("h2", f"{answer.value:.6g}")
    shares = list(answer.probabilities.items())[:_MOST_BARS]
    bars = [part for name, share in shares for part in _bar(name, share)]
    return join([element("h2", str(answer.value)), element("div", *bars, class_="shares")])


def _bar(name: str, share: float) -> list[Markup]:
    return [
        element("span", name),
        element("span", element("div", "", class_="bar", style=f"width: {100 * share:.2f}%")),
        element("span", f"{100 * share:.1f} %"),
    ]


def refused(sentence: str) -> Markup:
    """Return why there is no answer, to be shown.

    Args:
        sentence: that says it.
    """
    return element("section", element("p", sentence), class_="answer wrong")
