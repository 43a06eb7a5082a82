"""Which parameters are weights (what decay, L1 and pruning act on), and their initial values."""

from __future__ import annotations

from torch import nn

_SPARED = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Modules whose parameters are never weights, whatever their dimensions."""


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters of two or more dimensions, outside embeddings and normalisation layers, by name.

    So matrices and kernels are weights; biases, scales and shifts, and the learned positions of
    ``vit`` are not. A parameter shared by several modules appears once. To keep a matrix of your
    own out of decay and pruning, hold it in an ``nn.Embedding``.
    """
    spared = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, _SPARED)
        for parameter in module.parameters(recurse=False)
    }
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2 and id(parameter) not in spared
    }


def glorot(module: nn.Module) -> None:
    """Initialise a linear or convolutional layer that a ReLU follows, fit to be pruned.

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


def chain(*layers: nn.Module, head: nn.Linear) -> nn.Sequential:
    """Put layers in a row, with initial weights as :func:`glorot` has them.

    No ReLU follows the head, which yields the outputs.
    """
    model = nn.Sequential(*layers, head).apply(glorot)
    nn.init.xavier_uniform_(head.weight)
    return model
