"""Mixed precision as programs ask for it: everything is computed in full (floor 3).

Half precision is quicker on machines that have it in hardware; on a processor with NumPy it is
slower and less exact. So `autocast` changes nothing and `GradScaler` scales by one, which is what
PyTorch's do where there is no such machine.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, Self

__all__ = ["GradScaler", "autocast", "is_autocast_available"]


def is_autocast_available(device_type: str) -> bool:
    """Whether half precision is used on a machine: on none."""
    return False


class autocast(ContextDecorator):  # noqa: N801  # PyTorch's name
    """Run what is inside in full precision, whatever is asked for.

    Args:
        device_type, dtype, enabled, cache_enabled: as in PyTorch, and without effect.

    Examples:
        >>> import chainrule as cr
        >>> with autocast("cpu"):
        ...     (cr.ones(2, 3) @ cr.ones(3, 1)).dtype
        dtype('float32')
    """

    def __init__(
        self,
        device_type: str = "cpu",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device, self.fast_dtype = device_type, dtype

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class GradScaler:
    """The scale that gradients in half precision need: here always 1.

    Examples:
        >>> import chainrule as cr
        >>> GradScaler().scale(cr.tensor(3.0))
        tensor(3.)
    """

    def __init__(
        self,
        device: str = "cpu",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device

    def is_enabled(self) -> bool:
        """Whether anything is scaled: no."""
        return False

    def get_scale(self) -> float:
        """Return the scale: 1."""
        return 1.0

    def scale(self, outputs: Any) -> Any:
        """Return a loss, or several, as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Leave the gradients as they are."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what `optimizer.step(...)` gives."""
        step: Callable[..., Any] = optimizer.step
        return step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Leave the scale as it is."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a scaler that does nothing has to keep: nothing."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take nothing from a state."""
