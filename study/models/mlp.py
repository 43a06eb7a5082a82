"""Multilayer perceptron: width and depth are those of its hidden layers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import nn

from study.models.dropout import StreamDropout
from study.models.initialization import glorot, glorot_output


def build(
    width: int, depth: int, dropout: float, input_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """``depth`` hidden layers of ``width`` units; depth 0 is logistic (or linear) regression."""
    return perceptron([width] * depth, dropout, math.prod(input_shape), n_outputs)


def perceptron(
    widths: Sequence[int], dropout: float, n_inputs: int, n_outputs: int
) -> nn.Sequential:
    """Hidden layers of the given widths, each followed by ReLU and dropout, then a linear layer.

    Initial weights: see :mod:`study.models.initialization`.

    Examples
    --------
    LeNet-300-100 (LeCun et al. 1998):

    >>> sum(p.numel() for p in perceptron([300, 100], 0.0, 784, 10).parameters())
    266610
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise([n_inputs, *widths]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), StreamDropout(dropout)]
    head = nn.Linear([n_inputs, *widths][-1], n_outputs)
    model = nn.Sequential(*layers, head).apply(glorot)
    glorot_output(head)
    return model
