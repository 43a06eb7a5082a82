"""What runs workers: one engine a file, each with an ``ENGINE``, and one line here."""

from __future__ import annotations

from typing import Final

from study.declared import declared
from study.launch.engines.engine import Engine

ENGINES: Final[dict[str, str]] = {
    "local": "study.launch.engines.local",
    "ray": "study.launch.engines.ray",
    "slurm": "study.launch.engines.slurm",
    "kubernetes": "study.launch.engines.kubernetes",
}
"""``payoff launch --on`` -> module whose ``ENGINE`` it is."""


def engine_named(name: str) -> Engine:
    """Return an engine that was told nothing yet; what it runs workers by is not imported."""
    return declared(ENGINES[name], Engine)
