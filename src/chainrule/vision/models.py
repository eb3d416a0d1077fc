"""Ready-made networks, of which there are none here: a sentence says so (floor 3)."""

from chainrule.absent import missing

__all__: list[str] = []

__getattr__ = missing(
    "vision.models", "write the network with chainrule.nn, and load weights with io.load"
)
