"""One number at a time: `Value`, and neurons, layers and networks made of it (floor 0).

The first door into chainrule, and a judge over the rest of it, with which it shares no mathematics.
Standard library only, but for replays; `value.py` runs on its own, copied anywhere.
"""

from chainrule.scalar.neuron import MLP, Layer, Neuron
from chainrule.scalar.recording import Recorded, compile
from chainrule.scalar.value import Value

__all__ = ["MLP", "Layer", "Neuron", "Recorded", "Value", "compile"]
