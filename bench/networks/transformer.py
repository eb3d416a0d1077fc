"""A transformer that guesses the next letter, in the shape of GPT-2.

Sizes are letters, length of a row, width, heads, layers.
"""

from __future__ import annotations

from typing import Any

from bench.network import Network
from bench.networks.parts import layer_norm, linear


class Transformer(Network):
    """Blocks of causal attention and of a layer four times as wide, norms before each."""

    @property
    def row(self) -> tuple[int, ...]:
        return self.sizes[1:2]

    def products(self) -> list[float]:
        """The products of a row, the tables' 0 first.

        A block has 12 width^2 weights for each letter; queries with keys and weights with values
        are 2 width for each pair of a letter and one that it may see, length (length + 1) / 2.
        """
        letters, length, width, _, layers = self.sizes
        blocks = [2.0 * length * 12 * width**2, 2 * 2 * width * length * (length + 1) / 2]
        return [0, *blocks * layers, 2 * length * width * letters]

    def module(self, lib: Any) -> Any:
        nn, F = lib.nn, lib.nn.functional
        letters, length, width, heads, layers = self.sizes

        class Block(nn.Module):  # type: ignore[misc, name-defined]
            """x + attention(norm(x)), then x + wide(norm(x))."""

            def __init__(self) -> None:
                super().__init__()
                self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
                self.look, self.say = nn.Linear(width, 3 * width), nn.Linear(width, width)
                self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

            def forward(self, x: Any) -> Any:
                n, t, _ = x.shape
                parts = self.look(self.norm1(x)).split(width, dim=2)
                q, k, v = (part.view(n, t, heads, -1).transpose(1, 2) for part in parts)
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
                x = x + self.say(y.transpose(1, 2).reshape(n, t, width))
                return x + self.narrow(F.gelu(self.widen(self.norm2(x))))

        class Letters(nn.Module):  # type: ignore[misc, name-defined]
            """Letters and places to vectors, through the blocks, to scores (N, T, letters)."""

            def __init__(self) -> None:
                super().__init__()
                self.letter, self.place = nn.Embedding(letters, width), nn.Embedding(length, width)
                self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
                self.norm, self.score = nn.LayerNorm(width), nn.Linear(width, letters, bias=False)

            def forward(self, x: Any) -> Any:
                x = self.letter(x) + self.place(lib.arange(x.shape[1]))
                return self.score(self.norm(self.blocks(x)))

        return Letters()

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        heads, layers = self.sizes[3:]
        x = p["letter.weight"][x] + p["place.weight"][: x.shape[1]]
        for i in range(layers):
            x = _block(p, f"blocks.{i}", x, heads)
        return linear(p, "score", layer_norm(p, "norm", x))


def _block(p: Any, name: str, x: Any, heads: int) -> Any:
    import jax

    n, t, width = x.shape
    parts = linear(p, f"{name}.look", layer_norm(p, f"{name}.norm1", x))
    q, k, v = parts.reshape(n, t, 3, heads, -1).transpose(2, 0, 1, 3, 4)
    y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    x = x + linear(p, f"{name}.say", y.reshape(n, t, width))
    wide = linear(p, f"{name}.widen", layer_norm(p, f"{name}.norm2", x))
    return x + linear(p, f"{name}.narrow", jax.nn.gelu(wide, approximate=False))
