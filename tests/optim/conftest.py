"""What the tests of this folder share."""

import pytest


@pytest.fixture
def torch():
    """PyTorch, the oracle; where it is not installed the test is skipped."""
    found = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    found.set_num_threads(1)
    return found
