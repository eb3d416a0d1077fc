"""Transforms of images, alone or one after another, as torchvision names them (floor 3).

Each is called with an image of Pillow's or a tensor and returns another. The random ones draw from
the default generator.

Examples:
    >>> from chainrule.vision import transforms
    >>> prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    >>> prepare(np.zeros((2, 2), dtype=np.uint8)).tolist()
    [[[-1.0, -1.0], [-1.0, -1.0]]]
"""

from chainrule.errors import did_you_mean
from chainrule.vision.transforms import functional
from chainrule.vision.transforms.chance import (
    ColorJitter,
    RandomApply,
    RandomChoice,
    RandomCrop,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomOrder,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)
from chainrule.vision.transforms.fixed import (
    CenterCrop,
    Compose,
    ConvertImageDtype,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    ToPILImage,
    ToTensor,
)
from chainrule.vision.transforms.functional import InterpolationMode

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"vision.transforms has no {name!r}" + did_you_mean(name, __all__))
