"""Names that are imported when first used, and what is written whole or not at all."""

from __future__ import annotations

import pytest

from chainrule import draw, explain
from chainrule.files import replace_text


@pytest.mark.parametrize(
    ("package", "name", "near"), [(draw, "imagse", "images"), (explain, "docter", "doctor")]
)
def test_a_misspelt_name_is_told_the_nearest(package, name, near):
    with pytest.raises(AttributeError, match=f"{package.__name__} has no '{name}'.*'{near}'"):
        getattr(package, name)
    assert near in dir(package)


def test_a_file_that_cannot_be_written_is_named_as_the_person_named_it(tmp_path):
    path = tmp_path / "missing" / "page.html"
    with pytest.raises(FileNotFoundError) as caught:
        replace_text(path, "done")
    assert caught.value.filename == str(path)
    assert str(path) in str(caught.value)
