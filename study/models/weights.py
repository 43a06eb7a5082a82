"""Which parameters are weights: what decay, L1 and pruning act on."""

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
