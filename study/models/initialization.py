"""Initial weights for ReLU networks of any width and depth, fit to be pruned by magnitude."""

from __future__ import annotations

from torch import nn


def glorot(module: nn.Module) -> None:
    """Initialise a linear or convolutional layer that a ReLU follows.

    Weights uniform within sqrt(12 / (fan-in + fan-out)): Glorot and Bengio 2010, eq. 16, times the
    sqrt(2) that ReLU asks for (He et al. 2015, eq. 10); biases zero. Between layers of one width
    that is He's own initialisation. Fan-out is in it because fan-in alone would start a narrow
    output layer behind a wide hidden one with the smallest weights of the network: global
    magnitude pruning then empties it first (64-256-10: at a prune ratio of 0.8).

    For ``Module.apply``: modules of other kinds stay as they are.
    """
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def glorot_output(layer: nn.Linear) -> None:
    """Initialise the layer that yields the outputs: as :func:`glorot`, but for no ReLU after it."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
