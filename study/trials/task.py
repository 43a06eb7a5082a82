"""A trial that waits to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from study.compression.teachers import Teacher
from study.plan.design import Slot
from study.record import Value


@dataclass(frozen=True, kw_only=True)
class Task:
    """One trial to run."""

    slot: Slot
    params: Mapping[str, Value]
    """Every hyperparameter, the nuisance ones included."""
    optuna_study: str
    number: int
    """Optuna's number of the trial."""
    teacher: Teacher | None = None
    """Of whom it learns; None if of nobody, or if all who could teach it failed."""
