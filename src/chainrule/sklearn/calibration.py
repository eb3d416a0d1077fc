"""Temperature: probabilities made as sure as they are right, on rows held out (floor 5)."""

from __future__ import annotations

import numpy as np

from chainrule import optim
from chainrule.autograd import Tensor
from chainrule.sklearn.losses import Objective

__all__ = ["temperature"]


def temperature(outputs: Tensor, packed: Tensor, objective: Objective) -> float:
    """Return the T > 0 for which the loss of outputs / T is least.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks",
    ICML 2017, section 4.2.

    Args:
        outputs: of rows that were not trained on, (N, K).
        packed: their targets and weights, (N, T + 1).
        objective: the loss.

    Examples:
        >>> from chainrule.sklearn.losses import each_by_itself
        >>> sure = Tensor([[4.0], [4.0], [4.0], [-4.0]])  # and wrong once in four times
        >>> packed = Tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
        >>> round(temperature(sure, packed, Objective(each_by_itself)), 2)
        3.64
    """
    log = Tensor([0.0]).to(outputs.device).requires_grad_()
    optimizer = optim.LBFGS([log], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        # Beyond e^3 either way all is one class, or chance.
        loss = objective(outputs / log.clamp(-3, 3).exp(), packed)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(np.exp(np.clip(log.item(), -3, 3)))
