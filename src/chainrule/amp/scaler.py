"""`GradScaler`: a loss made large, lest its gradients vanish in half precision (floor 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.amp.autocast import is_autocast_available
from chainrule.autograd import no_grad
from chainrule.errors import OptionError

__all__ = ["GradScaler"]


class GradScaler:
    """Scale the loss, take the scale off the gradients, and leave out steps with infinite ones.

    The scale grows after so many good steps and shrinks after each bad one. P. Micikevicius et
    al., "Mixed precision training", ICLR 2018. Without a GPU, where everything is computed in
    full, it scales by one and does nothing else.

    Args:
        device: "cuda", also by number; for "cpu" it does nothing.
        init_scale: the first scale.
        growth_factor: by which it grows,
        backoff_factor: and shrinks.
        growth_interval: good steps after which it grows.
        enabled: whether it does anything.

    Raises:
        OptionError: factors that do not grow or do not shrink.

    Examples:
        >>> import chainrule as cr
        >>> GradScaler("cpu").scale(cr.tensor(3.0))
        tensor(3.)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not (growth_factor > 1 > backoff_factor > 0):
            raise OptionError(
                "growth_factor must be above 1 and backoff_factor between 0 and 1, got "
                f"{growth_factor} and {backoff_factor}"
            )
        self._enabled = enabled and is_autocast_available(device)
        self._scale = float(init_scale)
        self._growth, self._backoff = growth_factor, backoff_factor
        self._interval = growth_interval
        self._good = 0  # steps since the scale was changed
        self._found: dict[int, bool] = {}  # by optimiser, whether a gradient was infinite

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the scale; 1 if nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """Return a loss, or several, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(one) for one in outputs)
        return outputs * self._scale

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimiser's parameters by the scale; for who clips them.

        Raises:
            OptionError: it has been done since the last `update`.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._found:
            raise OptionError("unscale_() was called for this optimiser since the last update()")
        params = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in params if p.grad is not None]
        bad = []
        with no_grad():
            for g in gradients:
                ops.assign(g, g * (1 / self._scale))
                bad.append(ops.logical_not(ops.isfinite(g)).any())
        # One look at the GPU for all of them.
        self._found[id(optimizer)] = bool(bad) and bool(ops.stack(bad).any())

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what `optimizer.step(...)` gives; `None` if a gradient is infinite or NaN."""
        if self._enabled:
            if id(optimizer) not in self._found:
                self.unscale_(optimizer)
            if self._found[id(optimizer)]:
                return None
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Change the scale by how the steps since the last call went.

        Args:
            new_scale: take this one instead.
        """
        if not self._enabled:
            return
        bad = any(self._found.values())
        self._found = {}
        if new_scale is not None:
            self._scale, self._good = float(new_scale), 0
        elif bad:
            self._scale, self._good = self._scale * self._backoff, 0
        else:
            self._good += 1
            if self._good == self._interval:
                grown = self._scale * self._growth
                self._scale, self._good = (grown if np.isfinite(grown) else self._scale), 0

    def state_dict(self) -> dict[str, Any]:
        """Return scale and counts, for a checkpoint; nothing if nothing is scaled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._good,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; one of a scaler that did nothing changes nothing."""
        if not self._enabled or not state_dict:
            return
        self._scale = float(state_dict["scale"])
        self._growth = float(state_dict["growth_factor"])
        self._backoff = float(state_dict["backoff_factor"])
        self._interval = int(state_dict["growth_interval"])
        self._good = int(state_dict["_growth_tracker"])
