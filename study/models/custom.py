"""A network of the user's own, built by the function that the study file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.models import mlp
from study.models.family import Family

if TYPE_CHECKING:
    from torch import nn


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """Say what is missing: only the user's function can build it."""
    raise PayoffError("family: 'custom' needs your own model function, got none; name it")


FAMILY = Family(build=build, space=mlp.FAMILY.space, phrase="")
"""Its methods paragraph names the function."""
