"""The families whose passes are written by hand, in torch's operations and in C: one line each.

Networks of every other family train together through ``torch.func``, or one after the other.
"""

from __future__ import annotations

from typing import Final

from study.declared import declared
from study.packs.passes import Passes

WRITTEN: Final[dict[str, str]] = {
    "mlp": "study.packs.mlp",
    "cnn": "study.packs.cnn",
}
"""Family -> module whose ``PASSES`` train it."""


def passes_of(family: str) -> Passes:
    """Return the passes of a family that is among those :data:`WRITTEN`."""
    return declared(WRITTEN[family], Passes)
