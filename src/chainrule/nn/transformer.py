"""Transformers: encoders, decoders and the layers they are stacks of (floor 3).

A. Vaswani and others, "Attention is all you need", NeurIPS 2017. With `norm_first` the norm comes
before each part, and not after it (R. Xiong and others, "On layer normalization in the transformer
architecture", ICML 2020).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, from_numpy
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn import init
from chainrule.nn.attention import MultiheadAttention
from chainrule.nn.containers import ModuleList
from chainrule.nn.dropout import Dropout
from chainrule.nn.layers import Linear
from chainrule.nn.module import Module
from chainrule.nn.norm import LayerNorm
from chainrule.nn.weights import placed
from chainrule.ops.core import constant

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Any], Any]


def _activation(given: Activation) -> Callable[[Any], Any]:
    if callable(given):
        return given
    if given not in ("relu", "gelu"):
        raise OptionError(f"activation must be 'relu', 'gelu' or a function, got {given!r}")
    return F.relu if given == "relu" else F.gelu


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then two affine maps at each place, each with a shortcut.

    Args:
        d_model: features at each place.
        nhead: heads of attention.
        dim_feedforward: features between the two maps.
        dropout: the share that is dropped, in training, of each part's result.
        activation: between the maps, "relu", "gelu" or a function.
        layer_norm_eps: of the norms.
        batch_first: whether sequences are (N, L, d_model) instead of (L, N, d_model).
        norm_first: whether norms come before the parts.
        bias: whether maps and norms have biases.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.

    Examples:
        >>> from chainrule.autograd import ones
        >>> TransformerEncoderLayer(8, 2, 16)(ones(5, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)
        placed(self, device, dtype)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Any:
        """Map a sequence to one of the same shape.

        Args:
            src: (L, N, d_model), or (N, L, d_model) with `batch_first`, or (L, d_model).
            src_mask: as `attn_mask` of `MultiheadAttention`.
            src_key_padding_mask: as `key_padding_mask` there.
            is_causal: a hint that `src_mask` is the causal one.
        """
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            src = src + self._sa_block(self.norm1(src), *masks)
            return src + self._ff_block(self.norm2(src))
        src = self.norm1(src + self._sa_block(src, *masks))
        return self.norm2(src + self._ff_block(src))

    def _sa_block(self, x: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
        y, _ = self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)
        return self.dropout1(y)

    def _ff_block(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """Like `TransformerEncoderLayer`, with attention to a memory between the two parts.

    Args:
        d_model: features at each place.
        nhead: heads of attention.
        dim_feedforward: features between the two maps.
        dropout: the share that is dropped, in training, of each part's result.
        activation: between the maps, "relu", "gelu" or a function.
        layer_norm_eps: of the norms.
        batch_first: whether sequences are (N, L, d_model) instead of (L, N, d_model).
        norm_first: whether norms come before the parts.
        bias: whether maps and norms have biases.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.

    Examples:
        >>> from chainrule.autograd import ones
        >>> TransformerDecoderLayer(8, 2, 16)(ones(5, 3, 8), ones(7, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        attention = {"dropout": dropout, "bias": bias, "batch_first": batch_first}
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)  # type: ignore[arg-type]
        self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)  # type: ignore[arg-type]
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)
        placed(self, device, dtype)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """Map a sequence, given a memory, to one of the same shape.

        Args:
            tgt: (L, N, d_model), or (N, L, d_model) with `batch_first`, or (L, d_model).
            memory: (S, N, d_model) likewise, what an encoder made.
            tgt_mask: of the sequence's attention to itself.
            memory_mask: of its attention to the memory.
            tgt_key_padding_mask: places of the sequence that are not to be seen.
            memory_key_padding_mask: those of the memory.
            tgt_is_causal: a hint that `tgt_mask` is the causal one.
            memory_is_causal: likewise of `memory_mask`.
        """
        own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        other = memory_mask, memory_key_padding_mask, memory_is_causal
        if self.norm_first:
            tgt = tgt + self._sa_block(self.norm1(tgt), *own)
            tgt = tgt + self._mha_block(self.norm2(tgt), memory, *other)
            return tgt + self._ff_block(self.norm3(tgt))
        tgt = self.norm1(tgt + self._sa_block(tgt, *own))
        tgt = self.norm2(tgt + self._mha_block(tgt, memory, *other))
        return self.norm3(tgt + self._ff_block(tgt))

    def _sa_block(self, x: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
        y, _ = self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)
        return self.dropout1(y)

    def _mha_block(self, x: Any, memory: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
        y, _ = self.multihead_attn(x, memory, memory, padding, False, mask, is_causal=is_causal)
        return self.dropout2(y)

    def _ff_block(self, x: Any) -> Any:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """Encoder layers one after another.

    Args:
        encoder_layer: the layer to be copied.
        num_layers: how often.
        norm: a norm of what comes out, or `None`.
        enable_nested_tensor: PyTorch's, and taken so that its scripts run.
        mask_check: likewise.

    Examples:
        >>> from chainrule.autograd import ones
        >>> TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 2)(ones(5, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Any:
        """Pass a sequence through all layers; the arguments are those of a layer."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """Decoder layers one after another.

    Args:
        decoder_layer: the layer to be copied.
        num_layers: how often.
        norm: a norm of what comes out, or `None`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, 16), 2)
        >>> decoder(ones(5, 3, 8), ones(4, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """Pass a sequence through all layers; the arguments are those of a layer."""
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                bool(tgt_is_causal),
                memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder, and a decoder that attends to what it made.

    Args:
        d_model: features at each place.
        nhead: heads of attention.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: features between the two maps of a layer.
        dropout: the share that is dropped, in training, of each part's result.
        activation: between the maps, "relu", "gelu" or a function.
        custom_encoder: instead of the encoder.
        custom_decoder: instead of the decoder.
        layer_norm_eps: of the norms.
        batch_first: whether sequences are (N, L, d_model) instead of (L, N, d_model).
        norm_first: whether norms come before the parts.
        bias: whether maps and norms have biases.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Transformer(8, 2, 1, 1, 16)(ones(4, 3, 8), ones(5, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        sizes = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps
        rest = batch_first, norm_first, bias
        norm = partial(LayerNorm, d_model, layer_norm_eps, bias=bias)
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*sizes, *rest), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*sizes, *rest), num_decoder_layers, norm()
        )
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        placed(self, device, dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """Encode `src` and decode `tgt` with it.

        Args:
            src: (S, N, d_model), or (N, S, d_model) with `batch_first`, or (S, d_model).
            tgt: (L, N, d_model) likewise.
            src_mask: of the encoder's attention.
            tgt_mask: of the decoder's attention to itself.
            memory_mask: of the decoder's attention to the encoder's result.
            src_key_padding_mask: places of `src` that the encoder is not to see.
            tgt_key_padding_mask: places of `tgt` that the decoder is not to see.
            memory_key_padding_mask: places of `src` that the decoder is not to see.
            src_is_causal: a hint that `src_mask` is the causal one.
            tgt_is_causal: likewise of `tgt_mask`.
            memory_is_causal: likewise of `memory_mask`.

        Raises:
            ShapeError: batches of different sizes, or other features.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                f"src holds {src.shape[batch]} sequences and tgt {tgt.shape[batch]}; "
                "they must be equal"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return the causal mask (sz, sz): 0 where a place sees, -inf where it does not.

        Examples:
            >>> Transformer.generate_square_subsequent_mask(2).tolist()
            [[0.0, -inf], [0.0, 0.0]]
        """
        mask = from_numpy(constant(np.triu(np.full((sz, sz), -math.inf, dtype=np.float32), 1)))
        return mask.to(device=device, dtype=dtype)
