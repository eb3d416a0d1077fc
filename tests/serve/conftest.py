"""Small models to serve: of a table, of a mixed table, of images, of numbers."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data.tables.recipe import Recipe
from chainrule.io import save_model

pytest.importorskip("starlette", reason="the service needs starlette")
pytest.importorskip("uvicorn", reason="the service needs uvicorn")
pytest.importorskip("httpx", reason="the tests of the service ask it by httpx")

MIXED = {
    "area": ["40", "65", "", "80"],
    "street": ["Elm", "Oak", "Elm", "<b>Ash</b>"],
    "id": ["1", "2", "3", "4"],
}


def seeded():
    return Generator().manual_seed(0)


def saved(folder, kind):
    """Write a model that nobody has trained."""
    generator = seeded()
    if kind == "table":
        model = nn.Sequential(nn.Linear(2, 8, generator=generator), nn.Tanh())
        model.append(nn.Linear(8, 3, generator=generator))
        info = {"shape": [2], "columns": ["age", "weight"], "classes": ["cat", "dog", "<hen>"]}
    elif kind == "mixed":
        recipe = Recipe.of(MIXED)
        columns = nn.Columns(recipe.sizes, recipe.gaps, generator=generator)
        model = nn.Sequential(columns, nn.Linear(columns.out_features, 1, generator=generator))
        info = {"shape": [2], "columns": list(recipe.features), "recipe": recipe.described()}
    elif kind == "image":
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, generator=generator))
        info = {"shape": [1, 8, 8], "levels": 16, "classes": list("0123456789")}
    else:
        model = nn.Linear(2, 1, generator=generator)
        model.weight.data.copy_(np.array([[2.0, 3.0]], np.float32))
        model.bias.data.fill_(1.0)
        info = {"shape": [2]}
    save_model(folder, model, info)
    return str(folder)


@pytest.fixture(scope="session")
def run_of(tmp_path_factory):
    """The folder of a model, by its kind; made when first asked for."""
    home = tmp_path_factory.mktemp("served")

    def folder(kind):
        place = home / kind
        return str(place) if place.exists() else saved(place, kind)

    return folder
