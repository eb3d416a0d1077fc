"""The fixture `gpu`: what stands in for a GPU's array module, and CuPy where there is a GPU."""

from __future__ import annotations

import pytest

from chainrule.backend import arrays
from chainrule.plan.cuda import products
from device import standin
from device.standin import cublas


@pytest.fixture(params=["stand-in", "device"])
def gpu(request, monkeypatch):
    """The array module of a machine with a GPU, in place: CuPy's, or what stands in for it."""
    if request.param == "stand-in":
        monkeypatch.setattr(products, "library", cublas.library)
        with arrays.stand_in(standin.make()) as module:
            yield module
        return
    if arrays.gpu() is None:
        pytest.skip("no GPU here that CuPy can use")
    yield arrays.gpu()
