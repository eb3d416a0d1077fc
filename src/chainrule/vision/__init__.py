"""Images as PyTorch's programs take them from torchvision: data sets, transforms, grids (floor 3).

Change `from torchvision import datasets, transforms` to `from chainrule.vision import ...`. Images
are Pillow's, or tensors (C, H, W); Pillow is imported where it is used. Random transforms draw from
the default generator, which `chainrule.manual_seed` seeds.
"""

from chainrule.vision import datasets, models, transforms, utils

__all__ = ["datasets", "models", "transforms", "utils"]
