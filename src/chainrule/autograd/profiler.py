"""Profiles of operations, as in `torch.autograd.profiler`: not here, in a sentence (floor 2)."""

from chainrule.absent import missing

__getattr__ = missing(
    "autograd.profiler", "use Python's cProfile, or ops.watch, which sees every operation"
)
