"""One network on every floor: from scalars to layers to modules, and back (above nn, below train).

`layers.Net` stands in the middle: whatever comes is made a net first, and the net is made what is
asked for. Arrays are shared, not copied, wherever both sides keep arrays: W of a `layers.Linear` is
a transposed view of the memory of `nn.Linear.weight`, so training one trains the other. What breaks
that bond is to give either side another dtype. Scalars are numbers of their own, so `to_scalar` and
`to_layers` of a `scalar.MLP` copy. To PyTorch weights go as a `state_dict`, from `to_module`.
"""

from chainrule.convert.network import to_layers, to_module, to_scalar

__all__ = ["to_layers", "to_module", "to_scalar"]
