"""Plain convolutional network: width is the channels of the first layer, depth the layers.

Where the ranges come from
--------------------------
width, depth
    Nakkiran et al. [1]_ scale their five-layer network by its first stage's channels, 1 to 64
    (doubling at each stage); double descent shows inside that range. Depth counts
    convolutional layers: two to three halve images of 8 to 32 pixels as far as they go.
prune_ratio
    0, 0.5 and 0.9: Frankle & Carbin [2]_ train convolutional networks cut to 10-20% of their
    weights to the accuracy of the whole, and lose some beyond that.
learning_rate
    [1]_ trains with Adam at 1e-4 (for 4,000 epochs), and Kingma & Ba [3]_ recommend 1e-3. Small
    widths and short trainings want the upper part: [1e-4, 3e-2], by our own choice.
weight_decay
    As for the perceptron; 5e-4 is customary with SGD (Zagoruyko & Komodakis [4]_).
dropout
    Uniform on [0, 0.5]; [4]_ finds 0.3 (CIFAR) and 0.4 (SVHN) between
    convolutions.

References
----------
.. [1] Nakkiran et al. Deep Double Descent, ICLR 2020.
.. [2] Frankle, Carbin. The Lottery Ticket Hypothesis, ICLR 2019, section 3.
.. [3] Kingma, Ba. Adam: A Method for Stochastic Optimization, ICLR 2015.
.. [4] Zagoruyko, Komodakis. Wide Residual Networks, BMVC 2016.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from search_spaces.domains import Float, Int
from search_spaces.errors import PayoffError
from search_spaces.space import Axis, SearchSpace
from study.models.family import OFF, Family

if TYPE_CHECKING:
    from torch import nn

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
    from torch import nn

    from study.models.dropout import StreamDropout
    from study.models.images import ToGrid, convolution, grid_of
    from study.models.weights import chain

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
    return chain(*layers, nn.Flatten(), head=nn.Linear(channels * math.prod(sides), n_outputs))


FAMILY = Family(
    build=build,
    space=SearchSpace(
        (
            Axis("width", Int(1, 1024, log=True), "scientific", (2, 4, 8, 16, 32)),
            Axis("depth", Int(1, 8), "scientific", (2, 3)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5, 0.9)),
            Axis("learning_rate", Float(1e-4, 3e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-6, 1e-1, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.5), "nuisance"),
            *OFF,
        )
    ),
    phrase="convolutional networks",
)
