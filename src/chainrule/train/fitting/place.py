"""Where a network is: the device that batches are brought to (floor 4)."""

from __future__ import annotations

from chainrule import nn
from chainrule.backend.devices import CPU, device

__all__ = ["place_of"]


def place_of(model: nn.Module) -> device:
    """Return the device of the first of a model's parameters and buffers.

    Args:
        model: any; one that has neither is on the processor.

    Examples:
        >>> place_of(nn.Linear(2, 1))
        device(type='cpu')
    """
    found: device = next((t.device for t in (*model.parameters(), *model.buffers())), CPU)
    return found
