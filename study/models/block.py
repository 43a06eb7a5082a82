"""Networks that are no plain chain: named modules, and the way a batch takes through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn


class Cut(NamedTuple):
    """Units that nothing but one layer reads, so that they may go without a change elsewhere."""

    maker: str
    """Name, inside the block, of the layer whose outputs they are."""
    reader: str
    norm: str = ""
    """The normalisation that follows the maker, one value a unit; empty if there is none."""


class Block(nn.Module):
    """Named modules, and a function that sends a batch through them.

    It takes the place of a class of its own for every kind of block, so that the file of a family
    can be read without torch.

    ``way(block, x)`` returns the outputs, with the parts as attributes of ``block``; ``cuts`` are
    what structured pruning may take out.
    """

    def __init__(
        self, way: Callable[[Any, Tensor], Tensor], *cuts: Cut, **parts: nn.Module
    ) -> None:
        super().__init__()
        self.way, self.cuts = way, cuts
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        """Send a batch through the parts."""
        return self.way(self, x)
