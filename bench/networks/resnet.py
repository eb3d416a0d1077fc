"""ResNet-18 as it is shaped for small images: eight blocks of two convolutions and a way past.

Sizes are the side of the images, of three channels; the width: channels of the first blocks, which
double three times as height and width are halved; and the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.network import Network
from bench.networks.parts import batch_norm, convolution, linear

STAGES, CHANNELS, WINDOW = 4, 3, 3


class ResNet(Network):
    """After K. He and others, Deep residual learning for image recognition, 2015."""

    @property
    def row(self) -> tuple[int, ...]:
        return (CHANNELS, self.sizes[0], self.sizes[0])

    def blocks(self) -> Iterator[tuple[int, int, int]]:
        """Yield channels in, channels out and stride of each block."""
        _, width, _ = self.sizes
        channels = width
        for stage in range(STAGES):
            for stride in (1 if stage == 0 else 2, 1):
                yield channels, width * 2**stage, stride
                channels = width * 2**stage

    def products(self) -> list[float]:
        """2 out_height out_width window^2 in out of a convolution, 2 in out of the last layer."""
        side, width, outputs = self.sizes
        found = [2.0 * (side * WINDOW) ** 2 * CHANNELS * width]
        channels = width
        for inputs, channels, stride in self.blocks():
            side //= stride
            found += [2 * (side * WINDOW) ** 2 * channels * n for n in (inputs, channels)]
            if stride > 1:
                found.append(2 * side**2 * inputs * channels)
        return [*found, 2 * channels * outputs]

    def module(self, lib: Any) -> Any:
        nn, F = lib.nn, lib.nn.functional

        class Block(nn.Module):  # type: ignore[misc, name-defined]
            """x to relu(f(x) + x), where f is two convolutions; x is fitted where f is smaller."""

            def __init__(self, inputs: int, outputs: int, stride: int) -> None:
                super().__init__()
                self.conv1 = nn.Conv2d(inputs, outputs, WINDOW, stride, 1, bias=False)
                self.norm1 = nn.BatchNorm2d(outputs)
                self.conv2 = nn.Conv2d(outputs, outputs, WINDOW, 1, 1, bias=False)
                self.norm2 = nn.BatchNorm2d(outputs)
                self.past = nn.Sequential()
                if stride > 1:
                    fitted = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                    self.past = nn.Sequential(fitted, nn.BatchNorm2d(outputs))

            def forward(self, x: Any) -> Any:
                y = F.relu(self.norm1(self.conv1(x)))
                return F.relu(self.norm2(self.conv2(y)) + self.past(x))

        _, width, outputs = self.sizes
        blocks = [Block(*block) for block in self.blocks()]
        return nn.Sequential(
            nn.Conv2d(CHANNELS, width, WINDOW, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Sequential(*blocks),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width * 2 ** (STAGES - 1), outputs),
        )

    def forward(self, p: Any, x: Any, key: Any, changed: dict[str, Any]) -> Any:
        from jax.nn import relu

        def normed(name: str, x: Any) -> Any:
            return batch_norm(p, name, x, key is not None, changed)

        x = x.transpose(0, 2, 3, 1)
        x = relu(normed("1", convolution(p, "0", x, padding=1)))
        for i, (_, _, stride) in enumerate(self.blocks()):
            y = relu(normed(f"3.{i}.norm1", convolution(p, f"3.{i}.conv1", x, stride, 1)))
            y = normed(f"3.{i}.norm2", convolution(p, f"3.{i}.conv2", y, 1, 1))
            if stride > 1:
                x = normed(f"3.{i}.past.1", convolution(p, f"3.{i}.past.0", x, stride))
            x = relu(y + x)
        return linear(p, "6", x.mean((1, 2)))
