"""Points of two rings around one centre, generated: a data set in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from study.data.dataset import Examples, Loader

if TYPE_CHECKING:
    from study.data.source import DataSource


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Return the points as (n_examples, 2); the outer ring is class 1."""
    generator = np.random.default_rng([source.seed, 7])
    label = np.arange(source.n_examples) % 2
    angle = generator.uniform(0.0, 2 * np.pi, source.n_examples)
    radius = 1.0 + label + 0.3 * generator.standard_normal(source.n_examples)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Examples(
        x=points.astype(np.float32),
        y=label.astype(np.int64),
        task="classification",
        classes=("inner", "outer"),
    )


def check(source: DataSource, base: Path | None) -> list[str]:
    """Say so if the rings would not be equal."""
    if source.n_examples % 2:
        return [f"data.n_examples: must be even (two rings), got {source.n_examples}; round it"]
    return []


LOADER = Loader(
    load=load,
    uses=frozenset({"n_examples"}),
    check=check,
    words="toy",
    phrase=lambda source: "two rings",
    references=lambda source: {"nobody1900rings": "@misc{nobody1900rings,\n  title = {Rings},\n}"},
)
