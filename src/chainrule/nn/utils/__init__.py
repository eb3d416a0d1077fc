"""What is done to gradients between `backward` and the step, where PyTorch has it (floor 3)."""

from chainrule.autograd.clip import clip_grad_norm_, clip_grad_value_
from chainrule.nn.utils import rnn

__all__ = ["clip_grad_norm_", "clip_grad_value_", "rnn"]
