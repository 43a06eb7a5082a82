"""What a report tells beside the analysis: where the trials come from, and how they learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """The course of one training."""

    slot: str
    """The trial's place in the design."""
    series: Mapping[str, tuple[tuple[int, float], ...]]
    """Name (``val_error``, ...) -> (step, value) points."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of the difference between good and other trials one hyperparameter makes."""

    n_examples: float
    hyperparameter: str
    importance: float
    """Share among all hyperparameters that vary."""
    within_cells: float | None
    """Share among the nuisance hyperparameters, capacity being equal; None for the others."""


@dataclass(frozen=True, kw_only=True)
class ReportSource:
    """Where the trials of a report come from."""

    name: str = "Study"
    description: str = ""
    """One line for people: what the study asks."""
    commands: tuple[str, ...] = ()
    """What was typed, or may be typed to get the same."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Versions, digests, seeds: name -> value, in the order shown."""
    study_file: str = ""
    """Text of the study file; empty if there is none."""
    learning: tuple[LearningCurve, ...] = ()
    learning_missing: str = ""
    """Why there are no learning curves, for the reader."""
    importance: tuple[Share, ...] = ()
