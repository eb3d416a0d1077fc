"""The contenders, one file for each library; a file is read in the process that runs it alone."""

from __future__ import annotations

import importlib

import click

from bench.contender import Contender

# By name on the command line: the file here, and the class in it. The first is the judge of losses.
CONTENDERS = {
    "numpy": ("by_hand", "ByHand"),
    "eager": ("ours", "Eager"),
    "compiled": ("ours", "Compiled"),
    "many": ("ours", "Many"),
    "replayed": ("ours", "Replayed"),
    "fit": ("ours", "Fit"),
    "torch": ("pytorch", "PyTorch"),
    "torch-foreach": ("pytorch", "Foreach"),
    "torch-fused": ("pytorch", "Fused"),
    "torch-compile": ("pytorch", "Compiled"),
    "jax": ("xla", "JaxStep"),
    "jax-scan": ("xla", "JaxScan"),
    "sklearn": ("scikit", "ScikitLearn"),
    "onnxruntime": ("onnx_runtime", "OnnxRuntime"),
    "micrograd": ("scalars", "Micrograd"),
    "scalars-eager": ("scalars", "ScalarsEager"),
    "scalars-numpy": ("scalars", "ScalarsNumPy"),
    "scalars-native": ("scalars", "ScalarsNative"),
}


def chosen(names: str) -> list[str]:
    """Return contenders' names out of a text, comma between.

    Raises:
        UsageError: there is no such contender.
    """
    found = names.split(",")
    unknown = [name for name in found if name not in CONTENDERS]
    if unknown:
        raise click.UsageError(f"no contender {unknown[0]!r}; there are {', '.join(CONTENDERS)}")
    return found


def contender(name: str) -> type[Contender]:
    """Return a contender's class by its name."""
    file, kind = CONTENDERS[name]
    found: type[Contender] = getattr(importlib.import_module(f"bench.contenders.{file}"), kind)
    return found
