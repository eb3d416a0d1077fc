"""What tests of plans share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a file of tests keeps its compiled code."""
    return tmp_path_factory.mktemp("code")
