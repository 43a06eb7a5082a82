"""What a paper says of a study besides what was found in it: the design, told in plain values.

The analysis knows trials, not study files; whoever reads the study file fills this in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class AxisFacts:
    """One axis of the search space."""

    name: str
    role: Literal["scientific", "nuisance", "fixed"]
    values: tuple[str | int | float | bool | None, ...] = ()
    """The values of a grid, the options of a choice, or the one fixed value."""
    low: float | None = None
    high: float | None = None
    """Ends of a range."""
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """A study's design."""

    name: str
    digest: str
    """Names what the study computes."""
    description: str = ""
    seed: int
    data: str
    """Name of the data."""
    references: Mapping[str, str] = field(default_factory=dict)
    """BibTeX, by key, of what is to be cited for the data."""
    model: str
    """Family of the models, or what builds them."""
    own_trainer: bool = False
    sizes: tuple[int, ...]
    """Dataset sizes."""
    axes: tuple[AxisFacts, ...]
    search_trials: int
    """Search trials in each cell."""
    sampler: str
    winner: str = "best"
    """What is retrained: the best of each cell, or what a model of all of the search finds."""
    draws: int
    most_draws: int = 0
    """Subset draws of the cell that has most, where the study itself chose to train some more; 0:
    all have the same."""
    seeds_per_draw: int
    training: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Settings of the training, by the names of the study file."""
    pruning: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    teachers: tuple[str, ...] = ()
    """Whom distilled models were taught by; empty if there are none."""
    student_axes: tuple[AxisFacts, ...] = ()
    """Axes that only distilled models have."""
    data_digests: tuple[str, ...] = ()
    """SHA-256 of the data, as the trials recorded them."""
    code_versions: tuple[str, ...] = ()
    """Versions that the trials were computed by."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the programs at work."""
    commands: tuple[str, ...] = ()
    """What to type to get the same again."""
