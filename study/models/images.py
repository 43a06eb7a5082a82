"""How families that need a place for each value see their input: as a signal or an image."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from search_spaces.errors import PayoffError


class Grid(NamedTuple):
    """Channels, and the sides of the grid: one for a signal, two for an image."""

    channels: int
    sides: tuple[int, ...]


def grid_of(input_shape: tuple[int, ...], family: str) -> Grid:
    """Read an input shape as (length,), (channels, length) or (channels, height, width)."""
    if len(input_shape) == 1:
        return Grid(1, input_shape)
    if len(input_shape) in (2, 3):
        return Grid(input_shape[0], input_shape[1:])
    raise PayoffError(
        f"family: {family} takes inputs of 1 (length), 2 (channels x length) or 3 dimensions "
        f"(channels x height x width), got {len(input_shape)}; reshape the data or use mlp"
    )


class ToGrid(nn.Module):
    """Give a batch, flattened or not, the shape (batch, channels, *sides)."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.shape = (grid.channels, *grid.sides)

    def forward(self, x: Tensor) -> Tensor:
        """Reshape ``x``."""
        return x.reshape(x.shape[0], *self.shape)

    def extra_repr(self) -> str:
        """Show the shape."""
        return f"shape={self.shape}"


def convolution(dimensions: int) -> type[nn.Conv1d] | type[nn.Conv2d]:
    """Convolution layer for signals (1) or images (2)."""
    return nn.Conv1d if dimensions == 1 else nn.Conv2d


def batch_norm(dimensions: int) -> type[nn.BatchNorm1d] | type[nn.BatchNorm2d]:
    """Batch normalisation for signals (1) or images (2)."""
    return nn.BatchNorm1d if dimensions == 1 else nn.BatchNorm2d
