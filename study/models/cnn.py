"""Plain convolutional network: width is the channels of the first layer, depth the layers."""

from __future__ import annotations

import math

from torch import nn

from search_spaces.errors import PayoffError
from study.models.dropout import StreamDropout
from study.models.images import ToGrid, convolution, grid_of
from study.models.initialization import glorot, glorot_output

KERNEL = {1: 5, 2: 3}
"""Kernel side for signals and for images: 3 is VGG's (Simonyan and Zisserman 2015)."""

SMALLEST_SIDE = 4
"""Layers stop halving the grid when its shortest side would fall below half of this."""


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """``depth`` convolutions, each with ReLU, halving by max-pooling, and dropout.

    Every halving doubles the channels of the next layer. Once the shortest side of the grid is
    below 4 there is no more halving nor doubling. What is left is flattened into a linear layer.
    """
    if depth < 1:
        raise PayoffError(f"depth: must be at least 1 for cnn, got {depth}; use mlp for depth 0")
    grid = grid_of(input_shape, "cnn")
    dimensions, sides, channels, outputs = len(grid.sides), grid.sides, grid.channels, width
    conv = convolution(dimensions)
    pool = nn.MaxPool1d if dimensions == 1 else nn.MaxPool2d
    kernel = KERNEL[dimensions]
    layers: list[nn.Module] = [ToGrid(grid)]
    for _ in range(depth):
        layers += [conv(channels, outputs, kernel, padding=kernel // 2), nn.ReLU()]
        channels = outputs
        if min(sides) >= SMALLEST_SIDE:
            layers.append(pool(2))
            sides = tuple(side // 2 for side in sides)
            outputs *= 2
        layers.append(StreamDropout(dropout))
    head = nn.Linear(channels * math.prod(sides), n_outputs)
    model = nn.Sequential(*layers, nn.Flatten(), head).apply(glorot)
    glorot_output(head)
    return model
