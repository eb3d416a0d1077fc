"""Rows of the steps of optimisers, and of random numbers."""

from __future__ import annotations

import numpy as np

import references as ref
from case import at, between, case, chances, changing, just, own_state, positive, real, state

# A row is a line, or little more.
# fmt: off

x, g, buffer, square = real(2, 3), real(2, 3), real(2, 3), positive(2, 3)
rate, third = just(0.1), just(3.0)

STEPS = [
    case("assign", [x, real(3)], lambda x, v: (x * 0 + v,), form=changing(0)),
    case("assign", [x, 2.0], lambda x, v: (x * 0 + v,), note="number", form=changing(0)),
    case("increment", [third], lambda x: (x + 1,), form=changing(0)),
    case("increment", [x], lambda x, amount: (x + amount,), note="amount", form=changing(0),
         amount=2.5),
    *(
        case("sgd_step", [x, g, buffer, rate, *numbers], ref.sgd, note=note, form=changing(0, 2),
             **attrs)
        for note, numbers, attrs in [
            ("", [], {}),
            ("decay", [], {"weight_decay": 0.1}),
            ("momentum", [0.9, 0.5], {"maximize": True}),
            ("nesterov", [just(0.9), just(0.0), just(0.1)], {"nesterov": True}),
        ]
    ),
    *(
        case("adam_step", [x, g, buffer, square, square, rate, third], ref.adam, note=note,
             form=changing(0, 2, 3, 4), **attrs)
        for note, attrs in [
            ("", {}),
            ("decay", {"weight_decay": 0.1, "maximize": True}),
            ("decoupled", {"weight_decay": 0.1, "decoupled": True, "maximize": True}),
            ("amsgrad", {"amsgrad": True, "betas": (0.5, 0.6), "eps": 1e-3}),
        ]
    ),
    *(
        case("rmsprop_step", [x, g, between(2, 3, 2, 3), buffer, between(0, 1, 2, 3), rate],
             ref.rmsprop, note=note, form=changing(0, 2, 3, 4), **attrs)
        for note, attrs in [
            ("", {}),
            ("options", {"alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
            ("momentum", {"momentum": 0.9}),
            ("centered", {"centered": True, "momentum": 0.5}),
        ]
    ),
    *(
        case("adagrad_step", [x, g, square, rate, third], ref.adagrad, note=note,
             form=changing(0, 2), **attrs)
        for note, attrs in [
            ("", {}),
            ("options", {"lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3, "maximize": True}),
        ]
    ),
]

RANDOM = [
    case("random_uniform", [state(1)], ref.uniform, shape=(3, 4)),
    case("random_uniform", [state(1)], ref.uniform, note="double", shape=(7,), dtype=np.float64),
    case("random_normal", [state(2)], ref.normal, shape=(3, 4)),
    case("random_normal", [state(2)], ref.normal, note="odd", shape=(5,), dtype=np.float64),
    case("random_mask", [state(3)], ref.mask, shape=(4, 5), p=0.3),
    case("random_mask", [state(3)], ref.mask, note="none", shape=(9,), p=0.0),
    case("random_mask", [state(3)], ref.mask, note="all", shape=(9,), p=1.0, dtype=np.float64),
    case("random_permutation", [state(4)], ref.permutation, shape=(9,)),
    case("random_place", [state(5)], lambda state, *, count: np.array(state), count=12),
    case("bernoulli", [between(0, 1, 4, 5), state(7)], ref.bernoulli, form=own_state, wrt=[]),
    case("multinomial", [chances(3, 5), state(8)], ref.race, form=own_state, wrt=[],
         num_samples=4),
    case("multinomial", [chances(3, 5), state(8)], ref.wheel, note="again", form=own_state,
         wrt=[], num_samples=7, replacement=True),
    case("multinomial", [at(0, 3, 0), state(8)], ref.wheel, note="sure", form=own_state,
         wrt=[], num_samples=7, replacement=True),
    case("dropout", [real(4, 5), state(5)], ref.dropout, form=own_state, wrt=[0], p=0.3),
    case("dropout", [real(4, 5), state(5)], ref.dropout, note="all", form=own_state, wrt=[0],
         p=1.0),
    case("dropout", [real(4, 5), state(5)], lambda x, **_: x, note="evaluation", form=own_state,
         wrt=[0], training=False),
]
