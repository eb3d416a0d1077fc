"""Profiles of operations, as in `torch.autograd.profiler`: not here, in a sentence (floor 2)."""

from chainrule.absent import missing

__getattr__ = missing("autograd.profiler", "use `with chainrule.profile() as p:`, and print p")
