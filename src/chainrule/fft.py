"""PyTorch's Fourier transforms, of which there are none: numbers here are real (floor 3)."""

from chainrule.absent import missing

__all__: list[str] = []

__getattr__ = missing(
    "fft", "its numbers are complex and tensors here are real; transform arrays with numpy.fft"
)
