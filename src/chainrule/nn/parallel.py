"""Modules on several machines, with PyTorch's names: by several processes, one each (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule.absent import missing
from chainrule.nn.exchanged import DistributedDataParallel
from chainrule.nn.module import Module

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]


class DataParallel(Module):
    """Run a module on every machine at hand, which is this one.

    Its parameters are named `module....`, as in PyTorch, so its files fit.

    Examples:
        >>> from chainrule import nn
        >>> model = DataParallel(nn.Linear(2, 1))
        >>> list(model.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Return what the module makes of its inputs."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Return what a module makes of its inputs, computed here."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


_instead = "several processes share a training by nn.parallel.DistributedDataParallel"
__getattr__ = missing("nn.parallel", _instead)
