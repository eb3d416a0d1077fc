"""Networks of sequences, sets and computed weights, compiled: the losses are those of eager."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import DataError
from chainrule.nn import functional as F

STEPS = 5


def words(seed: int):
    """Numbers of words, (4, 7)."""
    return cr.tensor(np.random.default_rng(seed).integers(0, 11, (4, 7)))


class Tagger(nn.Module):
    """A recurrent layer that names the next word."""

    def __init__(self, kind, **options):
        super().__init__()
        self.embedding = nn.Embedding(11, 6, padding_idx=0)
        self.layer = getattr(nn, kind)(6, 5, batch_first=True, **options)
        self.out = nn.Linear(10 if options.get("bidirectional") else 5, 11)

    def forward(self, x, y):
        hidden, _ = self.layer(self.embedding(x))
        return F.cross_entropy(self.out(hidden).reshape(-1, 11), y.reshape(-1))


class Encoder(nn.Module):
    """A small transformer with dropout and the causal mask."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8, max_norm=2.0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.out = nn.Linear(8, 11)

    def forward(self, x, y):
        mask = nn.Transformer.generate_square_subsequent_mask(7)
        hidden = self.layers(self.embedding(x), mask, is_causal=True)
        return F.cross_entropy(self.out(hidden).reshape(-1, 11), y.reshape(-1))


class ByHand(nn.Module):
    """Cells, step by step, and CTC."""

    def __init__(self):
        super().__init__()
        self.gru, self.lstm = nn.GRUCell(5, 4), nn.LSTMCell(4, 3)
        self.out = nn.Linear(3, 6)

    def forward(self, x, labels):
        h, state, found = None, None, []
        for row in x:
            h = self.gru(row, h)
            state = self.lstm(h, state)
            found.append(self.out(state[0]))
        return F.ctc_loss(cr.stack(found).log_softmax(2), labels, [5] * 3, [2] * 3)


class Computed(nn.Module):
    """Weights that are computed, an activation with a weight, and one in place."""

    def __init__(self):
        super().__init__()
        self.first = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 3))
        self.second = nn.utils.weight_norm(nn.Linear(3, 2))
        self.act = nn.PReLU()

    def forward(self, x, y):
        hidden = F.relu(self.act(self.first(x)), inplace=True)
        return F.mse_loss(self.second(hidden), y)


class Bags(nn.Module):
    """Bags of vectors, triplets and a predicted variance."""

    def __init__(self):
        super().__init__()
        self.bags = nn.EmbeddingBag(11, 4, max_norm=1.0)
        self.one, self.two = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x, offsets):
        e = self.bags(x, offsets)
        a, b, c = self.one(e), self.two(e), self.one(-e)
        return F.triplet_margin_loss(a, b, c, swap=True) + F.gaussian_nll_loss(
            a, b.detach(), F.softplus(c)
        )


def numbers(*shape):
    return cr.tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


NETWORKS = {
    "RNN": (lambda: Tagger("RNN"), lambda: (words(0), words(1))),
    "LSTM": (
        lambda: Tagger("LSTM", num_layers=2, bidirectional=True, dropout=0.2),
        lambda: (words(0), words(1)),
    ),
    "GRU": (lambda: Tagger("GRU"), lambda: (words(0), words(1))),
    "transformer": (Encoder, lambda: (words(0), words(1))),
    "cells": (
        ByHand,
        lambda: (numbers(5, 3, 5), cr.tensor([[1, 2], [3, 3], [5, 1]])),
    ),
    "computed weights": (Computed, lambda: (numbers(6, 5), numbers(6, 2))),
    "bags": (Bags, lambda: (words(0)[0].repeat(2)[:9], cr.tensor([0, 2, 5]))),
}


def losses(name, compiled):
    make, data = NETWORKS[name]
    cr.manual_seed(0)
    model = make()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(*xs):
        optimizer.zero_grad()
        loss = model(*xs)
        loss.backward()
        optimizer.step()
        return loss

    take = cr.compile(step) if compiled else step
    inputs = data()
    return [take(*inputs).item() for _ in range(STEPS)]


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_as_eager(name):
    expected = losses(name, compiled=False)
    np.testing.assert_allclose(losses(name, compiled=True), expected, rtol=1e-5)
    assert expected[-1] != expected[0]


def test_labels_that_are_reshaped_inside_are_checked_in_every_run():
    layer = nn.Linear(3, 4)

    def step(x, y):
        loss = F.cross_entropy(layer(x), y.reshape(-1))
        loss.backward()
        return loss

    take, x = cr.compile(step), numbers(6, 3)
    good, bad = cr.tensor([[0, 1, 2], [3, 3, 0]]), cr.tensor([[0, 1, 2], [3, 4, 0]])
    for _ in range(4):
        take(x, good)
    with pytest.raises(DataError, match="label 4"):
        take(x, bad)
