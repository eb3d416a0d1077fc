"""Convolution and its gradients by the images and by the filters, as kernels (floor 2)."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.plan.native.kernels.convolution.cases import bank_of, case_of
from chainrule.plan.native.kernels.convolution.sweeping import Sweeping
from chainrule.plan.native.kernels.convolution.sweeps import backward, forward
from chainrule.plan.native.kernels.convolution.weighing import Weighing
from chainrule.plan.native.llvm.ir import Unsupported
from chainrule.plan.native.site import Site
from chainrule.plan.passes.views import View

__all__ = ["CONVOLUTIONS"]


def convolution(site: Site) -> None:
    """Write a convolution."""
    x, w, *rest = site.operands
    bias = rest[0] if rest else None
    if bias is not None and not isinstance(bias, View):
        raise Unsupported("a bias that is no value")
    case = case_of(site, x, w, site.out)
    steps = case.views[2].shape[2:]
    bank = bank_of(case, transposed=False)
    Sweeping(site, case, forward(case.window, steps), case.views[0], bank, case.views[2], bias)()


def convolution_input(site: Site) -> None:
    """Write a convolution's gradient by its images."""
    g, w = site.operands[:2]
    case = case_of(site, site.out, w, g)
    sweep = backward(case.window, case.views[0].shape[2:])
    bank = bank_of(case, transposed=True)
    Sweeping(site, case, sweep, case.views[2], bank, case.views[0], None)()


def convolution_weight(site: Site) -> None:
    """Write a convolution's gradient by its filters."""
    g, x = site.operands[:2]
    case = case_of(site, x, site.out, g)
    Weighing(site, case)()


CONVOLUTIONS: dict[str, Callable[[Site], None]] = {
    "convolution": convolution,
    "convolution_input": convolution_input,
    "convolution_weight": convolution_weight,
}
