"""Mixed precision under its former address, where the machine need not be named (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import amp
from chainrule.amp import GradScaler

__all__ = ["GradScaler", "autocast"]


class autocast(amp.autocast):  # noqa: N801  # PyTorch's name
    """As `amp.autocast("cuda", ...)`."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)
