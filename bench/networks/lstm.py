"""An LSTM that guesses the next letter: sizes are letters, length of a row, width."""

from __future__ import annotations

from typing import Any

from bench.network import Network
from bench.networks.parts import linear


class LSTM(Network):
    """A table of vectors, one layer of long short-term memory, scores of letters."""

    @property
    def row(self) -> tuple[int, ...]:
        return self.sizes[1:2]

    def products(self) -> list[float]:
        """Four gates of the vectors and four of the state, 2 width^2 each, for each letter."""
        letters, length, width = self.sizes
        gates = 2.0 * length * 4 * width * width
        return [0, gates, gates, 2 * length * width * letters]

    def module(self, lib: Any) -> Any:
        nn = lib.nn
        letters, _, width = self.sizes

        class Letters(nn.Module):  # type: ignore[misc, name-defined]
            """Letters (N, T) to scores (N, T, letters)."""

            def __init__(self) -> None:
                super().__init__()
                self.letter = nn.Embedding(letters, width)
                self.memory = nn.LSTM(width, width, batch_first=True)
                self.score = nn.Linear(width, letters)

            def forward(self, x: Any) -> Any:
                return self.score(self.memory(self.letter(x))[0])

        return Letters()

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        import jax
        import jax.numpy as jnp

        width = self.sizes[-1]
        own = p["memory.weight_hh_l0"].T
        bias = p["memory.bias_ih_l0"] + p["memory.bias_hh_l0"]
        gates = p["letter.weight"][x.T] @ p["memory.weight_ih_l0"].T + bias  # (T, N, 4 width)

        def step(state: Any, given: Any) -> Any:
            h, c = state
            i, f, g, o = jnp.split(given + h @ own, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zeros = jnp.zeros((len(x), width))
        outputs = jax.lax.scan(step, (zeros, zeros), gates)[1]
        return linear(p, "score", outputs.transpose(1, 0, 2))
