"""Residual network for small images: width is the channels of the first stage.

Where the ranges come from
--------------------------
width, depth
    He et al. [1]_ use 16 channels on CIFAR with 3, 5, 7, 9 or 18 blocks a stage (ResNet-20 to
    ResNet-110); Zagoruyko & Komodakis [2]_ widen those 16 channels 1 to 12 times; Nakkiran et
    al. [3]_ go down to a single channel and up to 64. The grid keeps what trains in minutes.
prune_ratio
    0, 0.5 and 0.9: Frankle & Carbin [4]_ cut ResNet-18 on CIFAR-10 to between a third and a tenth
    of its weights before it suffers.
learning_rate
    [1]_ trains with SGD at 0.1, [3]_ with Adam at 1e-4. Batch normalisation bears a wide band, so
    the range is [1e-4, 3e-2] for AdamW, by our own choice; with SGD use [1e-2, 1].
weight_decay
    1e-4 with SGD in [1]_, 5e-4 in [2]_. Decoupled decay (Loshchilov & Hutter [5]_) is scaled by
    the learning rate, so that its useful values lie far higher: the range ends at 1e-1.
dropout
    Uniform on [0, 0.4]: [2]_ cross-validates 0.3 on CIFAR and 0.4 on SVHN.

References
----------
.. [1] He, Zhang, Ren, Sun. Deep Residual Learning, CVPR 2016, section 4.2.
.. [2] Zagoruyko, Komodakis. Wide Residual Networks, BMVC 2016.
.. [3] Nakkiran et al. Deep Double Descent, ICLR 2020.
.. [4] Frankle, Carbin. The Lottery Ticket Hypothesis, ICLR 2019, section 4.
.. [5] Loshchilov, Hutter. Decoupled Weight Decay Regularization, ICLR 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.domains import Float, Int
from search_spaces.errors import PayoffError
from search_spaces.space import Axis, SearchSpace
from study.models.family import OFF, Family

if TYPE_CHECKING:
    from torch import Tensor, nn

STAGES = 3
"""He et al. 2016, section 4.2: three stages, each after the first halving the grid and doubling
the channels."""


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """Three stages of ``depth`` blocks: 6 x depth + 2 layers, so depth 3 is ResNet-20 (width 16).

    Departures from the paper: where the shape changes, the shortcut is a 1 x 1 convolution with
    batch normalisation (its option B), and dropout stands between the two convolutions of a block
    (Zagoruyko and Komodakis 2016).
    """
    from torch import nn

    from study.models.images import ToGrid, batch_norm, convolution, grid_of
    from study.models.weights import chain

    if depth < 1:
        raise PayoffError(f"depth: must be at least 1 for resnet, got {depth}; use mlp for depth 0")
    grid = grid_of(input_shape, "resnet")
    dimensions = len(grid.sides)
    stem = convolution(dimensions)(grid.channels, width, 3, padding=1, bias=False)
    layers: list[nn.Module] = [ToGrid(grid), stem, batch_norm(dimensions)(width), nn.ReLU()]
    channels = width
    for stage in range(STAGES):
        for block in range(depth):
            stride = 2 if stage > 0 and block == 0 else 1
            outputs = width * 2**stage
            layers.append(residual(channels, outputs, stride, dropout, dimensions))
            channels = outputs
    pool = nn.AdaptiveAvgPool1d(1) if dimensions == 1 else nn.AdaptiveAvgPool2d(1)
    return chain(*layers, pool, nn.Flatten(), head=nn.Linear(channels, n_outputs))


def residual(
    channels: int, outputs: int, stride: int, dropout: float, dimensions: int
) -> nn.Module:
    """Two 3-wide convolutions with batch normalisation, added to their input.

    The second is added to the block's input, so that only the channels of the first may be cut.
    """
    from torch import nn

    from study.models.block import Block, Cut
    from study.models.dropout import StreamDropout
    from study.models.images import batch_norm, convolution

    conv, norm = convolution(dimensions), batch_norm(dimensions)
    parts: dict[str, nn.Module] = {
        "first": conv(channels, outputs, 3, stride=stride, padding=1, bias=False),
        "first_norm": norm(outputs),
        "dropout": StreamDropout(dropout),
        "second": conv(outputs, outputs, 3, padding=1, bias=False),
        "second_norm": norm(outputs),
        "shortcut": nn.Identity(),
    }
    if stride != 1 or channels != outputs:
        parts["shortcut"] = nn.Sequential(
            conv(channels, outputs, 1, stride=stride, bias=False), norm(outputs)
        )
    return Block(add_to_input, Cut("first", "second", norm="first_norm"), **parts)


def add_to_input(block: Any, x: Tensor) -> Tensor:
    """Map (batch, channels, *sides) to (batch, outputs, *sides / stride)."""
    h = block.first_norm(block.first(x)).relu()
    h = block.second_norm(block.second(block.dropout(h)))
    sum_: Tensor = h + block.shortcut(x)
    return sum_.relu()


FAMILY = Family(
    build=build,
    space=SearchSpace(
        (
            Axis("width", Int(1, 512, log=True), "scientific", (2, 4, 8, 16)),
            Axis("depth", Int(1, 18), "scientific", (1, 2)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5, 0.9)),
            Axis("learning_rate", Float(1e-4, 3e-2, log=True), "nuisance"),
            Axis("weight_decay", Float(1e-6, 1e-1, log=True), "nuisance"),
            Axis("dropout", Float(0.0, 0.4), "nuisance"),
            *OFF,
        )
    ),
    phrase="residual networks",
)
