"""Published default spaces, one a file, each saying where its ranges come from.

A new one is one file with ``default_space()`` and one line in :data:`CATALOGUE`.
"""

from __future__ import annotations

from collections.abc import Callable

from search_spaces.catalogue import cnn, mlp, resnet, vit
from search_spaces.space import SearchSpace

CATALOGUE: dict[str, Callable[[], SearchSpace]] = {
    "mlp": mlp.default_space,
    "cnn": cnn.default_space,
    "resnet": resnet.default_space,
    "vit": vit.default_space,
}
"""Model family -> its default space."""
