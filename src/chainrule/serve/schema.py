"""What the service takes and gives, in the words of JSON Schema and OpenAPI (floor 5)."""

from __future__ import annotations

from typing import Any

from chainrule import __version__
from chainrule.serve.limits import Limits
from chainrule.train.job.predictor import Predictor

__all__ = ["openapi", "schema"]

_MOST_NAMED = 1000  # categories that are listed


def schema(predictor: Predictor, limits: Limits) -> dict[str, Any]:
    """Return the JSON schemas of a request to predict and of its answer.

    Args:
        predictor: of the run.
        limits: of a request.

    Examples:
        >>> from chainrule import nn
        >>> from chainrule.train.job.described import Input
        >>> pets = Predictor("pets", nn.Linear(1, 2), Input((1,), 255.0, ["age"]), ["cat", "dog"])
        >>> told = schema(pets, Limits())
        >>> told["input"]["properties"]["rows"]["items"]["anyOf"][0]["required"]
        ['age']
        >>> told["output"]["properties"]["predictions"]["items"]["properties"]["class"]["enum"]
        ['cat', 'dog']
    """
    return {"input": _input(predictor, limits), "output": _output(predictor)}


def _input(predictor: Predictor, limits: Limits) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "rows": {
            "type": "array",
            "minItems": 1,
            "maxItems": limits.rows,
            "items": {"anyOf": _rows(predictor)},
        }
    }
    if len(predictor.takes.shape) == 3:
        image = {"type": "string", "contentEncoding": "base64"}
        properties["images"] = {"type": "array", "minItems": 1, "maxItems": 64, "items": image}
        for name, says in (
            ("resize", "bring images to the size that the model takes"),
            ("invert", "exchange black and white"),
        ):
            properties[name] = {"type": "boolean", "default": False, "description": says}
    if predictor.classes:
        says = "how many classes to name, the likeliest first"
        properties["top"] = {"type": "integer", "minimum": 1, "description": says}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _rows(predictor: Predictor) -> list[dict[str, Any]]:
    """The forms that a row may have."""
    columns = {name: _column(predictor, name) for name in predictor.columns}
    width = predictor.width
    values = {"type": "array", "minItems": width, "maxItems": width}
    if predictor.recipe is None:
        values["items"] = {"type": "number"}
    else:
        values["prefixItems"] = list(columns.values())
    by_name = {"type": "object", "properties": columns, "required": list(columns)}
    return [by_name, values] if columns else [values]


def _column(predictor: Predictor, name: str) -> dict[str, Any]:
    """What may stand in a column."""
    if predictor.recipe is None:
        return {"type": "number"}
    column = next(one for one in predictor.recipe.columns if one.name == name)
    if column.kind == "number":
        return {"type": ["number", "null"]}
    told: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
    if column.kind == "category":
        told["examples"] = list(column.categories[:_MOST_NAMED])
    return told | {"description": column.kind}


def _output(predictor: Predictor) -> dict[str, Any]:
    if predictor.classes:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        one: dict[str, Any] = {
            "class": {"type": "string", "enum": predictor.classes},
            "probabilities": {"type": "object", "additionalProperties": share},
        }
    else:
        one = {"value": {"type": "number"}}
    predictions = {
        "type": "array",
        "items": {"type": "object", "properties": one, "required": list(one)},
    }
    notes = {
        "type": "array",
        "items": {"type": "string"},
        "description": "what in the rows was never met in training",
    }
    return {
        "type": "object",
        "properties": {"predictions": predictions, "notes": notes},
        "required": ["predictions"],
    }


def openapi(predictor: Predictor, limits: Limits, title: str) -> dict[str, Any]:
    """Return the whole service as OpenAPI 3.1 has it.

    Args:
        predictor: of the run.
        limits: of a request.
        title: of the service.
    """
    told = schema(predictor, limits)
    content = {"application/json": {"schema": told["input"]}}
    if len(predictor.takes.shape) == 3:
        file = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {"image": file}, "required": ["image"]}
        content |= {"multipart/form-data": {"schema": form}, "image/png": {"schema": file}}
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "What the model makes of rows or images.",
                    "requestBody": {"required": True, "content": content},
                    "responses": {
                        "200": _answer("the predictions", told["output"]),
                        "4XX": _answer("what was wrong with the request", error),
                        "5XX": _answer("why there is no answer now", error),
                    },
                }
            },
            "/schema": {"get": _plain("the JSON schemas of a request and its answer")},
            "/health": {"get": _plain("whether the service is well, and what it has done")},
        },
    }


def _answer(says: str, shape: dict[str, Any]) -> dict[str, Any]:
    return {"description": says, "content": {"application/json": {"schema": shape}}}


def _plain(says: str) -> dict[str, Any]:
    return {"summary": says, "responses": {"200": _answer(says, {"type": "object"})}}
