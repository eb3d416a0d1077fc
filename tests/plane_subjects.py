"""Networks on points of a plane, small and untrained, for the tests of what is asked about them."""

from __future__ import annotations

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator, Tensor
from chainrule.playground.engine.plane.subject import Subject


def subject(
    layers=(4, 3), act=nn.Tanh, classes=("a", "b"), labels=("x1", "x2"), loss=None, drop=0.0
):
    """A network of linear layers with `act` behind each but the last."""
    generator, modules, inputs = Generator(0), [], len(labels)
    for units in layers:
        modules += [nn.Linear(inputs, units, generator=generator), act()]
        modules += [nn.Dropout(drop)] if drop else []
        inputs = units
    modules.append(nn.Linear(inputs, len(classes) or 1, generator=generator))
    points = np.random.default_rng(0).uniform(-2, 2, size=(40, 2))
    above = points[:, 0] > points[:, 1]
    targets = above.astype(np.int64) if classes else points[:, 0].astype(np.float32)
    return Subject(
        nn.Sequential(*modules),
        lambda xy: np.concatenate([xy, xy**2], axis=1)[:, : len(labels)].astype(np.float32),
        labels,
        loss or (nn.CrossEntropyLoss() if classes else nn.MSELoss()),
        classes,
        2.0,
        (points[:30], targets[:30]),
        (points[30:], targets[30:]),
    )


def gradients(asked, x, y, label):
    """What `backward` leaves in the weights for the loss at one point."""
    model = asked.plain
    model.zero_grad()
    loss = asked.loss(model(Tensor(asked.inputs(x, y))), asked.target(label))
    loss.backward()
    found = [
        (s.linear.weight.grad.array.copy(), s.linear.bias.grad.array.copy()) for s in asked.stages
    ]
    model.zero_grad()
    return loss.item(), found
