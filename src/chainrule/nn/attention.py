"""Attention of several heads as a layer; the computation is in `nn.attend` (floor 3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from chainrule import init as numbers
from chainrule.autograd import Generator, Tensor, zeros
from chainrule.autograd.generator import state_of
from chainrule.autograd.tape import wrap
from chainrule.errors import OptionError
from chainrule.nn import functional as F
from chainrule.nn.layers import Linear
from chainrule.nn.module import Module, Parameter
from chainrule.nn.weights import placed, positive

__all__ = ["MultiheadAttention", "SDPBackend", "sdpa_kernel"]


class SDPBackend(Enum):
    """The ways in which PyTorch computes attention, for programs that choose one."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Compute attention inside as everywhere: there is one way here, whichever is chosen."""
    yield


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear`, by the name that PyTorch gives to it inside attention."""


class MultiheadAttention(Module):
    """Attention of several heads: W_o [head_1, ..., head_h] + b_o.

    head_i = softmax(Q_i K_i^T / sqrt(E / h)) V_i on projections of query, key and value. A. Vaswani
    and others, "Attention is all you need", NeurIPS 2017.

    Args:
        embed_dim: E, the size of queries and of what comes out.
        num_heads: h, which divides E.
        dropout: the share of weights that is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: whether a learned key and value are added to all sequences.
        add_zero_attn: whether a key and value of zeros are.
        kdim: size of the keys, if not E.
        vdim: size of the values, if not E.
        batch_first: whether tensors are (N, L, E) instead of (L, N, E).
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Attributes:
        in_proj_weight: the three projections one below another, (3 E, E); with other sizes of keys
            or values `None`, and `q_proj_weight`, `k_proj_weight` and `v_proj_weight` instead.
        in_proj_bias: (3 E,), or `None`.
        out_proj: the layer of W_o and b_o.

    Raises:
        OptionError: sizes below 1, or heads that do not divide E.

    Examples:
        >>> from chainrule.autograd import ones
        >>> x = ones(5, 2, 8)
        >>> y, weights = MultiheadAttention(8, 2)(x, x, x)
        >>> y.shape, weights.shape
        ((5, 2, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        positive(embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            fewer = max(n for n in range(1, num_heads) if embed_dim % n == 0)
            raise OptionError(
                f"num_heads={num_heads} must divide embed_dim={embed_dim}; use num_heads={fewer}, "
                f"or embed_dim={embed_dim + -embed_dim % num_heads}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.bias = bias
        self.add_bias_kv = add_bias_kv
        self.add_zero_attn = add_zero_attn
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first
        self._same_sizes = self.kdim == self.vdim == embed_dim
        self._set_projections(generator)
        self.in_proj_bias = Parameter(zeros(3 * embed_dim)) if bias else None
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias, generator=generator
        )
        if bias:
            self.out_proj.bias = Parameter(zeros(embed_dim))
        self.bias_k = self._entry(generator) if add_bias_kv else None
        self.bias_v = self._entry(generator) if add_bias_kv else None
        placed(self, device, dtype)

    def _entry(self, generator: Generator | None) -> Parameter:
        shape = (1, 1, self.embed_dim)
        return Parameter(wrap(numbers.xavier_normal(state_of(generator), shape)))

    def _set_projections(self, generator: Generator | None) -> None:
        size = self.embed_dim
        shapes = {
            "q_proj_weight": None if self._same_sizes else (size, size),
            "k_proj_weight": None if self._same_sizes else (size, self.kdim),
            "v_proj_weight": None if self._same_sizes else (size, self.vdim),
            "in_proj_weight": (3 * size, size) if self._same_sizes else None,
        }
        for name, shape in shapes.items():
            drawn = shape and wrap(numbers.xavier_uniform(state_of(generator), shape))
            self.register_parameter(name, None if drawn is None else Parameter(drawn))

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Let queries attend to keys and return the weighted values.

        Args:
            query: (L, N, E), or (N, L, E) with `batch_first`, or (L, E).
            key: (S, N, kdim) likewise.
            value: (S, N, vdim) likewise.
            key_padding_mask: (N, S), true where a key is not to be seen, or numbers to be added to
                the scores.
            need_weights: whether to return the weights too.
            attn_mask: (L, S) or (N h, L, S), likewise.
            average_attn_weights: whether the weights returned are the mean over the heads.
            is_causal: a hint that `attn_mask` is the causal one.

        Returns:
            What comes out, laid out like the query, and the weights (N, L, S), (N, h, L, S) or
            `None`.
        """
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            same = query is key, key is value
            query = query.transpose(0, 1)
            key = query if same[0] else key.transpose(0, 1)
            value = key if same[1] else value.transpose(0, 1)
        y, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._same_sizes,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (y.transpose(0, 1) if swapped else y), weights
