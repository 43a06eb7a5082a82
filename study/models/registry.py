"""The model families. A new one is one file with a ``build`` function and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import nn

from search_spaces.errors import PayoffError, nearest
from study.models import cnn, mlp, resnet, vit
from study.models.dropout import adopt
from study.streams import Stream, private_generators, torch_seed

Builder = Callable[[int, int, float, tuple[int, ...], int], nn.Module]
"""(width, depth, dropout, input_shape, n_outputs) -> network mapping a batch to
``(batch, n_outputs)``."""

FAMILIES: Final[dict[str, Builder]] = {
    "mlp": mlp.build,
    "cnn": cnn.build,
    "resnet": resnet.build,
    "vit": vit.build,
}

CUSTOM: Final = "custom"
"""The family name that stands for a user's own builder."""


def build_model(
    family: str,
    *,
    width: int,
    depth: int,
    dropout: float,
    input_shape: tuple[int, ...],
    n_outputs: int,
    custom: Builder | None = None,
    seed: int,
) -> nn.Module:
    """Build a network on the CPU, its initial weights a function of ``seed`` alone.

    Torch's generator is seeded while the network is built and put back afterwards. Plain
    ``nn.Dropout`` modules of a custom network are replaced by dropout fed from the trial's stream.

    Parameters
    ----------
    family
        A key of :data:`FAMILIES`, or ``"custom"``.
    width, depth, dropout
        See the family's own ``build``.
    input_shape
        Shape of one example. One number: features (``mlp``) or a signal of one channel; two:
        channels x length; three: channels x height x width. Batches may come flattened.
    n_outputs
        Classes, or 1 for regression.
    custom
        The user's builder, for family ``"custom"``.
    seed
        The trial's seed, at least 0.

    Raises
    ------
    PayoffError
        The family is unknown, or the builder cannot build a network of this shape.
    """
    builder = custom if family == CUSTOM else FAMILIES.get(family)
    if builder is None:
        known = ", ".join([*FAMILIES, CUSTOM])
        if family == CUSTOM:
            raise PayoffError("family: 'custom' needs your own model function, got none; name it")
        raise PayoffError(
            f"family: must be one of {known}, got {family!r}{nearest(family, FAMILIES)}"
        )
    with private_generators(torch_seed(seed, Stream.WEIGHTS)):
        model = builder(width, depth, dropout, tuple(input_shape), n_outputs)
    if not isinstance(model, nn.Module):
        raise PayoffError(
            f"custom model: must return a torch.nn.Module, got {type(model).__name__}; "
            "return the module itself"
        )
    adopt(model)
    return model
