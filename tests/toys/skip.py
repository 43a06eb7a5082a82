"""Perceptrons whose hidden layers add to their input: a family in one file.

Where the ranges come from
--------------------------
Nowhere: it is a toy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from search_spaces.domains import Float, Int
from search_spaces.space import Axis, SearchSpace
from study.models.family import OFF, Family

if TYPE_CHECKING:
    from torch import Tensor, nn


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """``depth`` blocks of ``width`` units, each with twice as many hidden ones."""
    from torch import nn

    from study.models.block import Block, Cut
    from study.models.dropout import StreamDropout

    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(math.prod(input_shape), width)]
    for _ in range(depth):
        parts: dict[str, nn.Module] = {
            "inner": nn.Linear(width, 2 * width),
            "dropout": StreamDropout(dropout),
            "outer": nn.Linear(2 * width, width),
        }
        layers.append(Block(add, Cut("inner", "outer"), **parts))
    return nn.Sequential(*layers, nn.Linear(width, n_outputs))


def add(block: Any, x: Tensor) -> Tensor:
    """Map (batch, width) to the same shape."""
    change: Tensor = block.outer(block.dropout(block.inner(x).relu()))
    return x + change


FAMILY = Family(
    build=build,
    space=SearchSpace(
        (
            Axis("width", Int(1, 64), "scientific", (2, 4, 8, 16)),
            Axis("depth", Int(1, 4), "scientific", (1,)),
            Axis("prune_ratio", Float(0.0, 0.999), "scientific", (0.0, 0.5)),
            Axis("learning_rate", Float(1e-3, 1e-1, log=True), "nuisance"),
            *OFF,
        )
    ),
    phrase="perceptrons with skip connections",
)
