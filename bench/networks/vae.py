"""A variational autoencoder: sizes are inputs, units between, numbers of a code.

Codes are drawn by each library's own generator, as a person's program does it, so losses differ by
more than rounding; they are measured at the means of the codes, where nothing is random.
"""

from __future__ import annotations

from typing import Any

from bench.network import Network
from bench.networks.parts import linear


class VAE(Network):
    """After D. Kingma and M. Welling, Auto-encoding variational Bayes, 2013."""

    @property
    def row(self) -> tuple[int, ...]:
        return self.sizes[:1]

    def products(self) -> list[float]:
        """2 in out of each of the five linear layers."""
        inputs, units, code = self.sizes
        outer, inner = 2.0 * inputs * units, 2.0 * units * code
        return [outer, inner, inner, inner, outer]

    def module(self, lib: Any) -> Any:
        nn, F = lib.nn, lib.nn.functional
        inputs, units, code = self.sizes

        class Autoencoder(nn.Module):  # type: ignore[misc, name-defined]
            """Inputs to the scores of their pixels, and mean and log-variance of their codes."""

            def __init__(self) -> None:
                super().__init__()
                self.read = nn.Linear(inputs, units)
                self.mean, self.spread = nn.Linear(units, code), nn.Linear(units, code)
                self.open, self.draw = nn.Linear(code, units), nn.Linear(units, inputs)

            def forward(self, x: Any) -> Any:
                h = F.relu(self.read(x))
                mean, spread = self.mean(h), self.spread(h)
                z = mean
                if self.training:
                    z = mean + lib.randn_like(mean) * (0.5 * spread).exp()
                return self.draw(F.relu(self.open(z))), mean, spread

        return Autoencoder()

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        import jax

        h = jax.nn.relu(linear(p, "read", x))
        mean, spread = linear(p, "mean", h), linear(p, "spread", h)
        z = mean
        if key is not None:
            z = mean + jax.random.normal(key, mean.shape) * jax.numpy.exp(0.5 * spread)
        return linear(p, "draw", jax.nn.relu(linear(p, "open", z))), mean, spread
