"""Parts of a network computed again on the way back, as in `torch.utils.checkpoint` (floor 4)."""

from chainrule.autograd.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
