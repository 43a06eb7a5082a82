"""What a family of networks is to the rest of the house: one object, declared in its own file.

A family's file is read along with every study file, which must be quick: it imports torch only
where a network is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.domains import Float
from search_spaces.space import Axis, SearchSpace

if TYPE_CHECKING:
    from torch import nn

Builder = Callable[[int, int, float, tuple[int, ...], int], "nn.Module"]
"""(width, depth, dropout, input_shape, n_outputs) -> network mapping a batch to
``(batch, n_outputs)``."""

OFF = (
    Axis("l1", Float(0.0, 1.0), "fixed", (0.0,)),
    Axis("label_smoothing", Float(0.0, 0.5), "fixed", (0.0,)),
)
"""Axes that no family varies by default. Make one an axis by giving it a range."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family of networks.

    How its units may be cut out is said by the networks themselves: by the ``cuts`` of a
    :class:`~study.models.block.Block`; a plain chain of layers needs no word.
    """

    build: Builder
    space: SearchSpace
    """The default space; where its ranges come from stands in the docstring of the file."""
    phrase: str
    """What its networks are called in a methods paragraph, in the plural."""
    weights: Callable[[int, int, tuple[int, ...], int], dict[str, int]] | None = None
    """(width, depth, input_shape, n_outputs) -> prunable weights of each tensor, counted without
    building anything. A family that can be counted so can be built at every width and depth."""
    padded_width: int = 0
    """Networks up to this width train together whatever their width, padded with zeros: their time
    goes to calls, not to arithmetic, so larger packs pay for the zeros."""
