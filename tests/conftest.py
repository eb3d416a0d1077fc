"""What tests share: PyTorch, if it is there, and examples that are drawn alike every time."""

from __future__ import annotations

import hypothesis
import pytest

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def torch():
    """PyTorch, the judge of what its names mean."""
    torch = pytest.importorskip("torch", reason="PyTorch is the judge here and is not installed")
    torch.set_num_threads(1)
    return torch
