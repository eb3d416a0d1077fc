"""The table of layers for sequences, sets and pairs, which take and give several tensors."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from nn.rows import Draw, Row, given, normal, whole


def layer(
    kind: str, *args: Any, xs: tuple[Draw, ...], note: str = "", call: Any = None, **options: Any
) -> Row:
    """A layer of several inputs."""
    how = {"call": call} if call else {}
    return Row(kind, args, options, xs, note, slack=10, **how)


def library(module: Any, path: str) -> Any:
    """The part of the library, ours or PyTorch's, that a module is of."""
    return importlib.import_module(f"{type(module).__module__.partition('.')[0]}.{path}")


def in_pair(module: Any, x: Any, h: Any, c: Any) -> Any:
    """`module(x, (h, c))`."""
    return module(x, (h, c))


def packed(lengths: list[int], enforce_sorted: bool = True) -> Any:
    """Call with sequences that are packed, and pad what comes out."""

    def call(module: Any, x: Any, *state: Any) -> Any:
        rnn = library(module, "nn.utils.rnn")
        first = module.batch_first
        rows = rnn.pack_padded_sequence(x, lengths, first, enforce_sorted)
        y, last = module(rows, *([state[0] if len(state) == 1 else state] if state else []))
        return rnn.pad_packed_sequence(y, first, padding_value=-1.0, total_length=6)[0], last

    return call


BATCH = normal(5, 3, 4)

RECURRENT = [
    row
    for kind in ("RNN", "LSTM", "GRU")
    for options in (
        {},
        {"num_layers": 2, "bidirectional": True},
        {"bias": False, "batch_first": True},
    )
    for row in (
        layer(kind, 4, 3, xs=(BATCH,), **options),
        layer(kind, 4, 3, xs=(normal(5, 4),), note="one sequence", **options),
        layer(kind, 4, 3, xs=(normal(1, 3, 4),), note="one step", **options),
        layer(
            kind,
            4,
            3,
            xs=(normal(5, 5, 4),),
            note="packed",
            call=packed([5, 4, 2, 2, 1]),
            **options,
        ),
        layer(
            kind,
            4,
            3,
            xs=(normal(5, 5, 4),),
            note="packed out of order",
            call=packed([1, 4, 2, 5, 2], enforce_sorted=False),
            **options,
        ),
    )
] + [
    layer("RNN", 4, 3, nonlinearity="relu", xs=(BATCH, normal(1, 3, 3)), note="from a state"),
    layer("GRU", 4, 3, 2, xs=(BATCH, normal(2, 3, 3)), note="from a state"),
    layer("GRU", 4, 3, xs=(normal(5, 4), normal(1, 3)), note="one from a state"),
    layer(
        "LSTM",
        4,
        3,
        xs=(BATCH, normal(1, 3, 3), normal(1, 3, 3)),
        call=in_pair,
        note="from a state",
    ),
    layer("LSTM", 4, 3, 2, proj_size=2, bidirectional=True, xs=(BATCH,)),
    layer(
        "LSTM",
        4,
        3,
        proj_size=2,
        xs=(normal(5, 3, 4), normal(1, 3, 2), normal(1, 3, 3)),
        call=packed([1, 5, 2], enforce_sorted=False),
        note="packed out of order from a state",
    ),
    layer("GRU", 4, 3, xs=(normal(5, 0, 4),), note="no sequences"),
]

CELLS = [
    row
    for kind, options in [
        ("RNNCell", {}),
        ("RNNCell", {"nonlinearity": "relu", "bias": False}),
        ("GRUCell", {}),
        ("GRUCell", {"bias": False}),
    ]
    for row in (
        layer(kind, 4, 3, xs=(normal(5, 4),), **options),
        layer(kind, 4, 3, xs=(normal(5, 4), normal(5, 3)), note="from a state", **options),
        layer(kind, 4, 3, xs=(normal(4), normal(3)), note="a vector", **options),
    )
] + [
    layer("LSTMCell", 4, 3, xs=(normal(5, 4),)),
    layer("LSTMCell", 4, 3, bias=False, xs=(normal(4), normal(3), normal(3)), call=in_pair),
]


def causal(size: int) -> Draw:
    """Truth values: which keys are hidden from which queries."""
    return lambda rng: np.triu(np.ones((size, size), dtype=bool), 1)


def hidden(*shape: int) -> Draw:
    """Some are hidden, never the first."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        mask = rng.random(shape) < 0.4
        mask[..., 0] = False
        return mask

    return draw


def self_attention(**options: Any) -> Any:
    """A call with one input as query, key and value, and perhaps masks."""

    def call(module: Any, x: Any, attn_mask: Any = None, padding: Any = None) -> Any:
        return module(x, x, x, padding, attn_mask=attn_mask, **options)

    return call


QUERY, KEY, VALUE = normal(4, 3, 6), normal(5, 3, 6), normal(5, 3, 6)

ATTENTION = [
    layer("MultiheadAttention", 6, 2, xs=(QUERY, KEY, VALUE), **options)
    for options in (
        {},
        {"bias": False},
        {"add_bias_kv": True},
        {"add_zero_attn": True},
        {"add_bias_kv": True, "add_zero_attn": True},
    )
] + [
    layer(
        "MultiheadAttention",
        6,
        3,
        kdim=4,
        vdim=5,
        batch_first=True,
        xs=(normal(2, 4, 6), normal(2, 3, 4), normal(2, 3, 5)),
    ),
    layer("MultiheadAttention", 6, 2, xs=(normal(4, 6), normal(5, 6), normal(5, 6)), note="one"),
    *(
        layer(
            "MultiheadAttention",
            6,
            2,
            batch_first=True,
            xs=(normal(3, 4, 6), mask, padding),
            call=self_attention(need_weights=shown, average_attn_weights=False),
            note=f"{note}, weights {'shown' if shown else 'not shown'}",
        )
        for shown in (True, False)
        for mask, padding, note in (
            (causal(4), hidden(3, 4), "hidden"),
            (normal(6, 4, 4), normal(3, 4), "added"),
        )
    ),
]

SMALL = {"dim_feedforward": 8, "dropout": 0.0}


def with_masks(module: Any, src: Any, mask: Any, padding: Any) -> Any:
    """An encoder layer with both masks."""
    return module(src, src_mask=mask, src_key_padding_mask=padding)


def decoded(module: Any, tgt: Any, memory: Any, mask: Any, padding: Any) -> Any:
    """A decoder layer with both masks."""
    return module(tgt, memory, tgt_mask=mask, memory_key_padding_mask=padding)


def translated(module: Any, src: Any, tgt: Any, padding: Any) -> Any:
    """A transformer with the causal mask that it makes."""
    mask = type(module).generate_square_subsequent_mask(4).to(tgt.device, tgt.dtype)
    return module(src, tgt, tgt_mask=mask, src_key_padding_mask=padding, tgt_is_causal=True)


TRANSFORMERS = [
    layer("TransformerEncoderLayer", 6, 2, **SMALL, **options, xs=(normal(4, 4, 6),))
    for options in (
        {},
        {"norm_first": True},
        {"activation": "gelu", "batch_first": True},
        {"bias": False},
    )
] + [
    layer(
        "TransformerEncoderLayer",
        6,
        2,
        **SMALL,
        xs=(normal(4, 3, 6), causal(4), hidden(3, 4)),
        call=with_masks,
        note="with masks",
    ),
    *(
        layer(
            "TransformerDecoderLayer",
            6,
            2,
            **SMALL,
            **options,
            xs=(normal(4, 3, 6), normal(5, 3, 6), causal(4), hidden(3, 5)),
            call=decoded,
        )
        for options in ({}, {"norm_first": True, "bias": False})
    ),
    *(
        layer(
            "Transformer",
            6,
            2,
            2,
            1,
            **SMALL,
            **options,
            xs=(normal(5, 3, 6), normal(4, 3, 6), hidden(3, 5)),
            call=translated,
        )
        for options in ({}, {"norm_first": True})
    ),
]

BAGS, OFFSETS = whole(10, below=6), given(0, 3, 3, 7)


def weighted(module: Any, index: Any, offsets: Any, weights: Any) -> Any:
    """A bag of vectors that are weighted."""
    return module(index, offsets, weights)


EMBEDDINGS = (
    [
        layer("Embedding", 6, 3, xs=(whole(2, 6, below=6),), **options)
        for options in (
            {"scale_grad_by_freq": True},
            {"max_norm": 0.7},
            {"padding_idx": 2, "max_norm": 1.0, "norm_type": 1.0},
            {"sparse": False, "padding_idx": -1, "scale_grad_by_freq": True},
        )
    ]
    + [
        row
        for mode in ("sum", "mean", "max")
        for options in ({}, {"padding_idx": 1})
        for row in (
            layer("EmbeddingBag", 6, 3, mode=mode, xs=(BAGS, OFFSETS), **options),
            layer(
                "EmbeddingBag", 6, 3, mode=mode, xs=(whole(3, 4, below=6),), note="rows", **options
            ),
        )
    ]
    + [
        layer(
            "EmbeddingBag",
            6,
            3,
            mode="sum",
            xs=(BAGS, OFFSETS, normal(10)),
            call=weighted,
            note="weighted",
        ),
        layer("EmbeddingBag", 6, 3, include_last_offset=True, xs=(BAGS, given(0, 3, 10))),
        layer("EmbeddingBag", 6, 3, max_norm=0.7, xs=(BAGS, OFFSETS)),
    ]
)

PAIRS = [
    layer("CosineSimilarity", xs=(normal(4, 3), normal(4, 3))),
    layer("CosineSimilarity", 0, 0.1, xs=(normal(4, 3), normal(4, 1)), note="broadcast"),
    layer("PairwiseDistance", xs=(normal(4, 3), normal(4, 3))),
    layer("PairwiseDistance", 1.0, 0.1, True, xs=(normal(4, 3), normal(4, 3))),
    layer("Bilinear", 3, 4, 2, xs=(normal(5, 3), normal(5, 4))),
    layer("Bilinear", 3, 4, 2, bias=False, xs=(normal(2, 5, 3), normal(2, 5, 4))),
    layer("AdaptiveLogSoftmaxWithLoss", 8, 12, [3, 7], 2.0, xs=(normal(5, 8), whole(5, below=12))),
    layer(
        "AdaptiveLogSoftmaxWithLoss",
        8,
        12,
        [3, 7],
        2.0,
        head_bias=True,
        xs=(normal(8), given(9)),
        call=lambda module, x, target: module(x, target[0]),
        note="one row",
    ),
]

SEQUENCES = [*RECURRENT, *CELLS, *ATTENTION, *TRANSFORMERS, *EMBEDDINGS, *PAIRS]
