"""Recurrent layers and cells; the formulas are with the cells in `ops.recurrent` (floor 3).

A layer takes sequences in a tensor, (L, N, in), or packed (`nn.utils.rnn`), which are of unequal
length. Inside both are the same: the rows of all steps, one after another. Weights begin evenly
drawn from +-1/sqrt(hidden_size).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from chainrule import ops
from chainrule.autograd import Generator, Tensor, zeros
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module, Parameter
from chainrule.nn.utils.rnn import PackedSequence
from chainrule.nn.weights import even, placed, positive, spread_evenly
from chainrule.ops.core import Shape
from chainrule.ops.recurrent import reversed_rows

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

# How many gates' weights stand one below another.
_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` have in common.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: numbers of the input at each step.
        hidden_size: units.
        num_layers: layers one above another, each fed with the outputs of the one below.
        bias: whether the sums have biases.
        batch_first: whether tensors are (N, L, ...) instead of (L, N, ...).
        dropout: the share that is dropped between layers in training.
        bidirectional: whether a second set of units goes through each sequence backwards.
        proj_size: of an LSTM, the size to which h is multiplied down; 0 for none.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Raises:
        OptionError: sizes below 1, or a dropout outside 0 to 1.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        positive(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if not 0 <= dropout <= 1:
            raise OptionError(f"dropout's probability must be between 0 and 1, got {dropout}")
        if not 0 <= proj_size < hidden_size or (proj_size and mode != "LSTM"):
            raise OptionError(
                f"proj_size must be from 0 to hidden_size - 1, and is an LSTM's; got {proj_size}"
            )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.generator = generator
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                for name, shape in self._shapes(layer).items():
                    drawn = even(shape, 1 / math.sqrt(hidden_size), generator)
                    self.register_parameter(name + suffix, drawn)
        placed(self, device, dtype)

    def _suffixes(self, layer: int) -> list[str]:
        """What the names of a layer's weights end in, for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        given = self._out_size * (1 + self.bidirectional) if layer else self.input_size
        rows = _GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, given),
            "weight_hh": (rows, self._out_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    @property
    def _out_size(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [
            [getattr(self, name + suffix) for name in self._shapes(layer)]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        spread_evenly(self, 1 / math.sqrt(self.hidden_size))

    def flatten_parameters(self) -> None:
        """Do nothing: the weights need not lie together."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        """Go through sequences.

        Args:
            x: (L, N, input_size), or (N, L, input_size) with `batch_first`, or (L, input_size), or
                packed sequences.
            hx: the state before the first step, (layers x directions, N, hidden_size), of an LSTM
                the pair (h, c); zeros if left out.

        Returns:
            h of every step in the last layer, laid out like x, the directions side by side; and the
            state after the last step, of the shape of `hx`.

        Raises:
            ShapeError: x or `hx` has another shape.
        """
        if isinstance(x, PackedSequence):
            return self._packed(x, hx)
        if x.ndim not in (2, 3):
            raise ShapeError(
                f"expected a sequence (L, {self.input_size}) or a batch of them with 3 dimensions, "
                f"got shape {tuple(x.shape)}"
            )
        if x.shape[-1] != self.input_size:
            raise ShapeError(self._misfit(tuple(x.shape)))
        single = x.ndim == 2
        x = x.unsqueeze(1) if single else x.transpose(0, 1) if self.batch_first else x
        steps, count = x.shape[:2]
        if not steps:
            raise ShapeError("a recurrent layer needs sequences of at least one step, got none")
        states = self._begin(hx, count, x, single, steps)
        rows = x.reshape(steps * count, x.shape[2])
        y, states = self._through(rows, (count,) * steps, states)
        y = y.reshape(steps, count, y.shape[1])
        if single:
            return y.squeeze(1), self._given(tuple(s.squeeze(1) for s in states))
        return (y.transpose(0, 1) if self.batch_first else y), self._given(states)

    def _misfit(self, shape: tuple[int, ...]) -> str:
        said = f"expected {self.input_size} numbers at each step, got {shape[-1]} in shape {shape}"
        turned = (len(shape) - 2, len(shape) - 1)
        if shape[-2] == self.input_size:
            return f"{said}; if these are the steps, put x.transpose{turned}"
        return f"{said}; set input_size={shape[-1]}"

    def _packed(self, x: PackedSequence, hx: Any) -> Any:
        sizes = tuple(x.batch_sizes.tolist())
        states = self._begin(hx, sizes[0], x.data, single=False)
        if hx is not None and x.sorted_indices is not None:
            states = tuple(ops.index_select(s, 1, x.sorted_indices) for s in states)
        y, states = self._through(x.data, sizes, states)
        if x.unsorted_indices is not None:
            states = tuple(ops.index_select(s, 1, x.unsorted_indices) for s in states)
        return x._replace(data=y), self._given(states)

    def _given(self, states: tuple[Tensor, ...]) -> Any:
        """The state as a person has it: a pair only if there are two."""
        return states if len(states) > 1 else states[0]

    def _begin(
        self, hx: Any, count: int, x: Tensor, single: bool, steps: int | None = None
    ) -> tuple[Tensor, ...]:
        """The state before the first step, its shapes checked."""
        depth = self.num_layers * (1 + self.bidirectional)
        sizes = [self._out_size, *([self.hidden_size] if self.mode == "LSTM" else [])]
        shapes = [(depth, count, size) for size in sizes]
        if hx is None:
            return tuple(zeros(s, dtype=x.dtype, device=x.device) for s in shapes)
        states = tuple(hx) if self.mode == "LSTM" else (hx,)
        wanted = [(s[0], s[2]) if single else s for s in shapes]
        found = [tuple(s.shape) for s in states]
        if found != wanted:
            raise ShapeError(
                f"the state before the first step must have shape "
                f"{' and '.join(map(str, wanted))}, got {' and '.join(map(str, found))}"
                + self._other_order(wanted[0], found[0], steps)
            )
        return tuple(s.unsqueeze(1) for s in states) if single else states

    def _other_order(self, wanted: Shape, found: Shape, steps: int | None) -> str:
        """Whether the state would fit if steps and examples were the other way round."""
        if len(wanted) < 3 or steps is None or found != (wanted[0], steps, wanted[2]):
            return ""
        order = "without" if self.batch_first else "with"
        return f"; if there are {steps} examples, make the layer {order} batch_first=True"

    def _through(self, rows: Any, sizes: tuple[int, ...], states: Any) -> Any:
        """All layers and directions, on the rows of all steps."""
        if rows.shape[1] != self.input_size:
            raise ShapeError(
                f"expected {self.input_size} numbers at each step, got {rows.shape[1]}; "
                f"set input_size={rows.shape[1]}"
            )
        weights = self.all_weights
        ends: list[Any] = []
        for layer in range(self.num_layers):
            if layer:
                rows = F.dropout(rows, self.dropout, self.training, generator=self.generator)
            outputs = []
            for backward in range(1 + self.bidirectional):
                k = len(ends)
                x = reversed_rows(rows, sizes) if backward else rows
                y, end = self._layer(x, [s[k] for s in states], weights[k], sizes)
                outputs.append(reversed_rows(y, sizes) if backward else y)
                ends.append(end)
            rows = ops.cat(outputs, dim=1) if self.bidirectional else outputs[0]
        return rows, tuple(ops.stack(parts) for parts in zip(*ends))

    def _layer(self, x: Any, state: Any, weights: Any, sizes: tuple[int, ...]) -> Any:
        """One layer in one direction: h of every step, and the states after the last."""
        biases = weights[2 : 2 + 2 * self.bias] or [None, None]
        if self.mode == "LSTM":
            down = weights[-1] if self.proj_size else None
            return ops.lstm_layer(x, tuple(state), *weights[:2], *biases, down, sizes=sizes)
        if self.mode == "GRU":
            y, h = ops.gru_layer(x, state[0], *weights[:2], *biases, sizes=sizes)
        else:
            kind = self.mode.removeprefix("RNN_").lower()
            y, h = ops.rnn_layer(x, state[0], *weights[:2], *biases, sizes=sizes, nonlinearity=kind)
        return y, (h,)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not as usual."""
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        said = [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *said])


class RNN(RNNBase):
    """Elman's recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh) at each step.

    Args:
        input_size: numbers of the input at each step.
        hidden_size: units.
        num_layers: layers one above another.
        nonlinearity: "tanh" or "relu".
        bias: whether the sums have biases.
        batch_first: whether tensors are (N, L, ...) instead of (L, N, ...).
        dropout: the share that is dropped between layers in training.
        bidirectional: whether a second set of units goes through each sequence backwards.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> y, h = RNN(3, 4)(ones(5, 2, 3))
        >>> y.shape, h.shape
        ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise OptionError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            generator=generator,
        )


class LSTM(RNNBase):
    """Long short-term memory: see `ops.lstm_cell` for the formula of a step.

    Args:
        input_size: numbers of the input at each step.
        hidden_size: units.
        num_layers: layers one above another.
        bias: whether the sums have biases.
        batch_first: whether tensors are (N, L, ...) instead of (L, N, ...).
        dropout: the share that is dropped between layers in training.
        bidirectional: whether a second set of units goes through each sequence backwards.
        proj_size: the size to which h is multiplied down; 0 for none.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> y, (h, c) = LSTM(3, 4, num_layers=2, batch_first=True)(ones(2, 5, 3))
        >>> y.shape, h.shape
        ((2, 5, 4), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            generator=generator,
        )


class GRU(RNNBase):
    """Gated recurrent units: see `ops.gru_cell` for the formula of a step.

    Args:
        input_size: numbers of the input at each step.
        hidden_size: units.
        num_layers: layers one above another.
        bias: whether the sums have biases.
        batch_first: whether tensors are (N, L, ...) instead of (L, N, ...).
        dropout: the share that is dropped between layers in training.
        bidirectional: whether a second set of units goes through each sequence backwards.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> y, h = GRU(3, 4, bidirectional=True)(ones(5, 2, 3))
        >>> y.shape, h.shape
        ((5, 2, 8), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            generator=generator,
        )


# --- cells --------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """What the cells have in common: weights for one step.

    Args:
        input_size: numbers of the input.
        hidden_size: units.
        bias: whether the sums have biases.
        num_chunks: how many gates there are.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.
    """

    nonlinearity: str
    states: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        positive(input_size=input_size, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, bound = num_chunks * hidden_size, 1 / math.sqrt(hidden_size)
        self.weight_ih = even((rows, input_size), bound, generator)
        self.weight_hh = even((rows, hidden_size), bound, generator)
        self.bias_ih = even((rows,), bound, generator) if bias else None
        self.bias_hh = even((rows,), bound, generator) if bias else None
        placed(self, device, dtype)

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        spread_evenly(self, 1 / math.sqrt(self.hidden_size))

    def forward(self, x: Tensor, hx: Any = None) -> Any:
        """Take one step.

        Args:
            x: (N, input_size) or (input_size,).
            hx: the state before, (N, hidden_size) or (hidden_size,), of an `LSTMCell` the pair
                (h, c); zeros if left out.

        Returns:
            The state after.
        """
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"expected an input (N, {self.input_size}) or ({self.input_size},), got shape "
                f"{tuple(x.shape)}"
            )
        wanted = (*x.shape[:-1], self.hidden_size)
        if hx is None:
            hx = tuple(zeros(wanted, dtype=x.dtype, device=x.device) for _ in range(self.states))
            hx = hx if self.states > 1 else hx[0]
        for state in hx if self.states > 1 else (hx,):
            if tuple(state.shape) != wanted:
                raise ShapeError(f"expected a state of shape {wanted}, got {tuple(state.shape)}")
        return self._step(x, hx, (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh))

    def _step(self, x: Tensor, hx: Any, weights: Any) -> Any:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return the sizes, and what is not as usual."""
        said = "" if self.bias else ", bias=False"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            said += f", nonlinearity={self.nonlinearity}"
        return f"{self.input_size}, {self.hidden_size}{said}"


class RNNCell(RNNCellBase):
    """One step of Elman's network.

    Args:
        input_size: numbers of the input.
        hidden_size: units.
        bias: whether the sums have biases.
        nonlinearity: "tanh" or "relu".
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> RNNCell(3, 4)(ones(2, 3)).shape
        (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise OptionError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias, 1, device, dtype, generator=generator)
        self.nonlinearity = nonlinearity

    def _step(self, x: Tensor, hx: Any, weights: Any) -> Any:
        cell = ops.rnn_tanh_cell if self.nonlinearity == "tanh" else ops.rnn_relu_cell
        return cell(x, hx, *weights)


class LSTMCell(RNNCellBase):
    """One step of long short-term memory; takes and gives the pair (h, c).

    Args:
        input_size: numbers of the input.
        hidden_size: units.
        bias: whether the sums have biases.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> h, c = LSTMCell(3, 4)(ones(2, 3))
        >>> h.shape, c.shape
        ((2, 4), (2, 4))
    """

    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype, generator=generator)

    def _step(self, x: Tensor, hx: Any, weights: Any) -> Any:
        return ops.lstm_cell(x, tuple(hx), *weights)


class GRUCell(RNNCellBase):
    """One step of gated recurrent units.

    Args:
        input_size: numbers of the input.
        hidden_size: units.
        bias: whether the sums have biases.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> GRUCell(3, 4)(ones(2, 3)).shape
        (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype, generator=generator)

    def _step(self, x: Tensor, hx: Any, weights: Any) -> Any:
        return ops.gru_cell(x, hx, *weights)
