"""The families of networks by name: one a file, each with a ``FAMILY``, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from search_spaces.errors import PayoffError, nearest
from study.declared import declared
from study.models.family import Builder, Family

if TYPE_CHECKING:
    from torch import nn

FAMILIES: Final[dict[str, str]] = {
    "mlp": "study.models.mlp",
    "cnn": "study.models.cnn",
    "resnet": "study.models.resnet",
    "vit": "study.models.vit",
}
"""``model.family`` -> module whose ``FAMILY`` it is."""

CUSTOM: Final = "custom"
"""The family that stands for a user's own builder."""


def family_named(name: str) -> Family:
    """Return the family of a name; torch is not imported."""
    if name == CUSTOM:  # its methods paragraph names the function
        return Family(build=_unnamed, space=family_named("mlp").space, phrase="")
    if name not in FAMILIES:
        known = (*FAMILIES, CUSTOM)
        raise PayoffError(
            f"family: must be one of {', '.join(known)}, got {name!r}{nearest(name, known)}"
        )
    return declared(FAMILIES[name], Family)


def _unnamed(*shape: object) -> nn.Module:
    """Say what is missing: only the user's function can build it."""
    raise PayoffError("family: 'custom' needs your own model function, got none; name it")


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

    One number of ``input_shape`` means features (``mlp``) or a signal of one channel; two: channels
    x length; three: channels x height x width. Batches may come flattened.
    """
    from torch import nn

    from study.models.dropout import adopt
    from study.streams import Stream, private_generators, torch_seed

    builder = custom or family_named(family).build
    with private_generators(torch_seed(seed, Stream.WEIGHTS)):
        model = builder(width, depth, dropout, tuple(input_shape), n_outputs)
    if not isinstance(model, nn.Module):
        raise PayoffError(
            f"custom model: must return a torch.nn.Module, got {type(model).__name__}; "
            "return the module itself"
        )
    adopt(model)
    return model
