"""Studies that come with the package, as the TOML sections that differ from the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXAMPLES: dict[str, Mapping[str, Any]] = {
    "digits": {
        "study": {
            "description": "How wide must an MLP be for 80 to 1,280 handwritten digits (8x8)?"
        },
    },
}
"""Name -> sections. ``digits`` is the embedded default."""
