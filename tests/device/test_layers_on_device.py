"""Every layer and loss of `nn` on a GPU: what it gives, and the gradients, as on the processor."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from nn.test_nn_complete import ROWS

FIRST = {}
for row in ROWS:
    FIRST.setdefault(row.kind, row)


def flat(y):
    """All tensors in nested results, in order."""
    if isinstance(y, (tuple, list)):
        return [t for part in y for t in flat(part)]
    return [y] if isinstance(y, cr.Tensor) else []


def run(row, module, inputs, device):
    """Outputs, gradients of the inputs and of the parameters, as arrays."""
    module = copy.deepcopy(module).to(device)
    xs = [cr.from_numpy(a).to(device) for a in inputs]
    for k, x in enumerate(xs):
        if x.dtype.kind == "f" and k not in row.fixed:
            x.requires_grad_()
    cr.manual_seed(3)
    ys = flat(row.call(module, *xs))
    assert {y.device.type for y in ys} <= {device}
    loss = sum((y * y).sum() for y in ys if y.requires_grad)
    if isinstance(loss, cr.Tensor):
        loss.backward()
    leaves = [*xs, *module.parameters()]
    grads = [t.grad for t in leaves if t.grad is not None]
    assert {g.device.type for g in grads} <= {device}
    buffers = list(module.buffers())
    return [t.detach().cpu().numpy() for t in (*ys, *grads, *buffers)]


@pytest.mark.parametrize("kind", FIRST)
def test_a_layer_does_the_same_there(kind, gpu):
    row = FIRST[kind]
    rng = row.rng()
    inputs = [draw(rng) for draw in row.inputs]
    module = row.build(nn, cr.tensor)
    found = [run(row, module, inputs, device) for device in ("cuda", "cpu")]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_packed_sequences_there(gpu):
    layer = nn.LSTM(3, 4, batch_first=True)
    x = cr.rand(3, 5, 3)
    results = []
    for device in ("cpu", "cuda"):
        layer.to(device)
        packed = nn.utils.rnn.pack_padded_sequence(
            x.to(device), [2, 5, 3], batch_first=True, enforce_sorted=False
        )
        y, (h, _) = layer(packed)
        padded, lengths = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        assert (padded.device.type, h.device.type, lengths.device.type) == (device, device, "cpu")
        results.append((padded.tolist(), h.tolist(), lengths.tolist()))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-5, atol=1e-6)
    assert results[1][2] == results[0][2] == [2, 5, 3]
