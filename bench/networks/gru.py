"""Gated recurrent units that read an image row by row and say what it shows.

Sizes are rows of an image, pixels of each, units, outputs.
"""

from __future__ import annotations

from typing import Any

from bench.network import Network
from bench.networks.parts import linear


class GRU(Network):
    """One layer; the last of its states is scored."""

    @property
    def row(self) -> tuple[int, ...]:
        return self.sizes[:2]

    def products(self) -> list[float]:
        """Three gates of the pixels and three of the state, 2 in out each, for each row."""
        length, inputs, width, outputs = self.sizes
        gates = [2.0 * length * 3 * width * size for size in (inputs, width)]
        return [*gates, 2 * width * outputs]

    def module(self, lib: Any) -> Any:
        nn = lib.nn
        _, inputs, width, outputs = self.sizes

        class Rows(nn.Module):  # type: ignore[misc, name-defined]
            """Images (N, rows, pixels) to scores (N, outputs)."""

            def __init__(self) -> None:
                super().__init__()
                self.memory = nn.GRU(inputs, width, batch_first=True)
                self.score = nn.Linear(width, outputs)

            def forward(self, x: Any) -> Any:
                return self.score(self.memory(x)[0][:, -1])

        return Rows()

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        import jax
        import jax.numpy as jnp

        own, moved = p["memory.weight_hh_l0"].T, p["memory.bias_hh_l0"]
        gates = x.transpose(1, 0, 2) @ p["memory.weight_ih_l0"].T + p["memory.bias_ih_l0"]

        def step(h: Any, given: Any) -> Any:
            mine = jnp.split(h @ own + moved, 3, axis=1)
            r, z, n = jnp.split(given, 3, axis=1)
            r, z = jax.nn.sigmoid(r + mine[0]), jax.nn.sigmoid(z + mine[1])
            n = jnp.tanh(n + r * mine[2])
            return (1 - z) * n + z * h, None

        return linear(p, "score", jax.lax.scan(step, jnp.zeros((len(x), own.shape[0])), gates)[0])
