"""Seeing inside a network: its equations, its cost, its health, what it looks at (floor 4).

Everything here reads the table of operations or what one run did, and has no mathematics of its own
about any layer. Each name is imported when first used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.later import later

if TYPE_CHECKING:
    from chainrule.explain.doctor.examine import doctor
    from chainrule.explain.doctor.finding import Diagnosis, Finding, Severity
    from chainrule.explain.doctor.origin import Origin, nan_origin
    from chainrule.explain.doctor.rate import RateTest, lr_find
    from chainrule.explain.equations.entry import equations
    from chainrule.explain.equations.equations import Equations
    from chainrule.explain.look.activations import Activations, activations
    from chainrule.explain.look.attribution import (
        IntegratedGradients,
        Saliency,
        integrated_gradients,
        saliency,
    )
    from chainrule.explain.look.calibration import Calibration, calibration
    from chainrule.explain.look.confusion import Confusion, confusion
    from chainrule.explain.look.gradients import Gradients, gradients
    from chainrule.explain.look.importance import Importance, importance
    from chainrule.explain.look.mistakes import Mistake, Mistakes, mistakes
    from chainrule.explain.look.parameters import Weights, weights
    from chainrule.explain.look.plane import Plane, embedding_plane
    from chainrule.explain.look.roc import Roc, roc
    from chainrule.explain.look.surface import Between, Surface, between, loss_surface
    from chainrule.explain.napkin import Machine, Napkin, napkin
    from chainrule.explain.overview.summary import Summary, summary
    from chainrule.explain.profiling.profiler import profile
    from chainrule.explain.runs.trace import trace

__all__ = [
    "Activations",
    "Between",
    "Calibration",
    "Confusion",
    "Diagnosis",
    "Equations",
    "Finding",
    "Gradients",
    "Importance",
    "IntegratedGradients",
    "Machine",
    "Mistake",
    "Mistakes",
    "Napkin",
    "Origin",
    "Plane",
    "RateTest",
    "Roc",
    "Saliency",
    "Severity",
    "Summary",
    "Surface",
    "Weights",
    "activations",
    "between",
    "calibration",
    "confusion",
    "doctor",
    "embedding_plane",
    "equations",
    "gradients",
    "importance",
    "integrated_gradients",
    "loss_surface",
    "lr_find",
    "mistakes",
    "nan_origin",
    "napkin",
    "profile",
    "roc",
    "saliency",
    "summary",
    "trace",
    "weights",
]

# Imported when first asked for: the name, and the file that has it.
_LATER = {
    "Activations": "look.activations",
    "Between": "look.surface",
    "Calibration": "look.calibration",
    "Confusion": "look.confusion",
    "Diagnosis": "doctor.finding",
    "Equations": "equations.equations",
    "Finding": "doctor.finding",
    "Gradients": "look.gradients",
    "Importance": "look.importance",
    "IntegratedGradients": "look.attribution",
    "Machine": "napkin",
    "Mistake": "look.mistakes",
    "Mistakes": "look.mistakes",
    "Napkin": "napkin",
    "Origin": "doctor.origin",
    "Plane": "look.plane",
    "RateTest": "doctor.rate",
    "Roc": "look.roc",
    "Saliency": "look.attribution",
    "Severity": "doctor.finding",
    "Summary": "overview.summary",
    "Surface": "look.surface",
    "Weights": "look.parameters",
    "activations": "look.activations",
    "between": "look.surface",
    "calibration": "look.calibration",
    "confusion": "look.confusion",
    "doctor": "doctor.examine",
    "embedding_plane": "look.plane",
    "equations": "equations.entry",
    "gradients": "look.gradients",
    "importance": "look.importance",
    "integrated_gradients": "look.attribution",
    "loss_surface": "look.surface",
    "lr_find": "doctor.rate",
    "mistakes": "look.mistakes",
    "nan_origin": "doctor.origin",
    "napkin": "napkin",
    "profile": "profiling.profiler",
    "roc": "look.roc",
    "saliency": "look.attribution",
    "summary": "overview.summary",
    "trace": "runs.trace",
    "weights": "look.parameters",
}

__getattr__, __dir__ = later(__name__, _LATER)


class _Package(ModuleType):
    """A function stays what its name means, also when a file of that name has been imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _LATER and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
