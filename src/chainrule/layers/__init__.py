"""Explicit backpropagation on plain arrays, one layer at a time (floor 2).

`Function`, `Layer` and `Loss` are what to build from, `Net` joins them, and `check` compares what
you wrote with finite differences.
"""

from chainrule.layers.activation import Elementwise, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from chainrule.layers.check import Check, check
from chainrule.layers.conv import Conv2D, MaxPool2D
from chainrule.layers.dropout import Dropout
from chainrule.layers.function import Function, Layer, Loss
from chainrule.layers.linear import Flatten, Linear, Normalize
from chainrule.layers.loss import CrossEntropyLoss, MeanSquareLoss
from chainrule.layers.net import Net
from chainrule.layers.norm import BatchNorm2D
from chainrule.layers.recurrent import Recurrent

__all__ = [
    "BatchNorm2D",
    "Check",
    "Conv2D",
    "CrossEntropyLoss",
    "Dropout",
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
    "Recurrent",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "check",
]
