"""Initial weights that suit ReLU networks of any depth."""

from __future__ import annotations

from torch import nn


def he(module: nn.Module) -> None:
    """Initialise a linear or convolutional layer that a ReLU follows (He et al. 2015, eq. 10).

    Weights uniform within sqrt(6 / fan-in), which keeps the variance of the activations from
    layer to layer; biases zero. For ``Module.apply``: modules of other kinds stay as they are.
    """
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def linear_output(layer: nn.Linear) -> None:
    """Initialise the layer that yields the outputs: as :func:`he`, but for no ReLU after it."""
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)
