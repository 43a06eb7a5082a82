"""Residual network for small images: width is the channels of the first stage."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from search_spaces.errors import PayoffError
from study.models.dropout import StreamDropout
from study.models.images import ToGrid, batch_norm, convolution, grid_of
from study.models.initialization import glorot, glorot_output

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
            layers.append(Block(channels, outputs, stride, dropout, dimensions))
            channels = outputs
    pool = nn.AdaptiveAvgPool1d(1) if dimensions == 1 else nn.AdaptiveAvgPool2d(1)
    head = nn.Linear(channels, n_outputs)
    model = nn.Sequential(*layers, pool, nn.Flatten(), head).apply(glorot)
    glorot_output(head)
    return model


class Block(nn.Module):
    """Two 3-wide convolutions with batch normalisation, added to their input."""

    def __init__(
        self, channels: int, outputs: int, stride: int, dropout: float, dimensions: int
    ) -> None:
        super().__init__()
        conv, norm = convolution(dimensions), batch_norm(dimensions)
        self.first = conv(channels, outputs, 3, stride=stride, padding=1, bias=False)
        self.first_norm = norm(outputs)
        self.dropout = StreamDropout(dropout)
        self.second = conv(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = norm(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != outputs:
            self.shortcut = nn.Sequential(
                conv(channels, outputs, 1, stride=stride, bias=False), norm(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, *sides) to (batch, outputs, *sides / stride)."""
        h = functional.relu(self.first_norm(self.first(x)))
        h = self.second_norm(self.second(self.dropout(h)))
        return functional.relu(h + self.shortcut(x))
