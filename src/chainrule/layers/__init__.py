"""Explicit backpropagation on plain arrays, one layer at a time (floor 2).

`Function`, `Layer` and `Loss` are what to build from, `Net` joins them, and `check` compares what
you wrote with finite differences.
"""

from chainrule.layers.activation import Elementwise, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from chainrule.layers.conv import Conv2D, MaxPool2D
from chainrule.layers.function import Function, Layer, Loss
from chainrule.layers.linear import Flatten, Linear, Normalize
from chainrule.layers.loss import CrossEntropyLoss, MeanSquareLoss
from chainrule.layers.net import Net

__all__ = [
    "Conv2D",
    "CrossEntropyLoss",
    "Elementwise",
    "Flatten",
    "Function",
    "Layer",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MaxPool2D",
    "MeanSquareLoss",
    "Net",
    "Normalize",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
