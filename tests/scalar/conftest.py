"""What tests of scalars share: each way of replaying a recording."""

import pytest


@pytest.fixture(scope="session", params=["native", "numpy"])
def backend(request):
    """Machine code, which needs llvmlite, and NumPy."""
    if request.param == "native":
        pytest.importorskip("llvmlite")
    return request.param
