"""Which hyperparameters decided the search, as Optuna measures it: PED-ANOVA, per dataset size.

PED-ANOVA asks what sets the best trials apart. Over all trials of a dataset size that is mostly
capacity, so it is asked twice: of every hyperparameter, over the validation error as it is; and of
the nuisance ones alone, over the error relative to that of the trial's cell, which says what
mattered once width and depth were given. Only search trials are used: replicates repeat winners.

References
----------
Watanabe et al. (2023), "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
Subspaces", IJCAI.
"""

from __future__ import annotations

import csv
import importlib
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from study.record import TrialRecord
from study.spec.study_file import StudySpec

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST_TRIALS = 20
"""The best tenth of fewer trials is one trial, from which nothing is estimated."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """How much of the difference between good and other trials one hyperparameter makes."""

    optuna_study: str
    n_examples: int
    hyperparameter: str
    trials: int
    """Search trials that it was measured on."""
    importance: float
    """Share among all hyperparameters that vary; shares sum to 1."""
    within_cells: float | None
    """Share among the nuisance hyperparameters, capacity being equal; None for the others."""


def load_without_forests() -> None:
    """Load Optuna's importances without scikit-learn, whose forests PED-ANOVA does not grow.

    It would bring pandas and SciPy's statistics along and take 1.4 s, a fifth of a report. Only for
    commands that end after it: Optuna's other importances, which need forests, then have none.
    """
    if "sklearn" in sys.modules or "optuna.importance" in sys.modules:
        return
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # which Optuna is prepared for
    try:
        importlib.import_module("optuna.importance")
    finally:
        del sys.modules["sklearn"]


def search_importance(spec: StudySpec, records: Iterable[TrialRecord]) -> tuple[Importance, ...]:
    """Measure the importance of the hyperparameters in each Optuna study of a study.

    Per Optuna study, the most important first, of the hyperparameters that every trial has and that
    vary. An Optuna study with fewer than :data:`LEAST_TRIALS` complete search trials has none.
    """
    by_study: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        complete = record.status == "complete" and "val_error" in record.metrics
        if record.phase == "search" and complete:
            by_study[record.optuna_study].append(record)
    enough = (trials for trials in by_study.values() if len(trials) >= LEAST_TRIALS)
    return tuple(one for trials in enough for one in _of_study(spec, trials))


def write_importance(found: Iterable[Importance], path: Path) -> None:
    """Write importances as CSV; what does not apply is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Importance)])
        for one in found:
            *what, share, within = astuple(one)
            writer.writerow([*what, f"{share:.8g}", "" if within is None else f"{within:.8g}"])


def _of_study(spec: StudySpec, records: list[TrialRecord]) -> list[Importance]:
    """Importances in one Optuna study."""
    from study.queue.filling import distribution

    shapes = {
        axis.name: distribution(axis.domain)
        for axis in spec.space.axes
        if axis.name in records[0].params
        and len({record.params.get(axis.name) for record in records}) > 1
        and all(axis.name in record.params for record in records)
    }
    nuisance = [axis.name for axis in spec.space.nuisance if axis.name in shapes]
    errors = [float(record.metrics["val_error"]) for record in records]
    overall = _ped_anova(records, shapes, list(shapes), errors)
    within = _ped_anova(records, shapes, nuisance, _within_cells(records, errors))
    return [
        Importance(
            optuna_study=records[0].optuna_study,
            n_examples=records[0].n_examples,
            hyperparameter=axis,
            trials=len(records),
            importance=share,
            within_cells=within.get(axis),
        )
        for axis, share in overall.items()
    ]


def _within_cells(records: list[TrialRecord], errors: list[float]) -> list[float]:
    """Log error less the mean of its cell; half the least positive error stands for zero."""
    least = min((error for error in errors if error > 0.0), default=1.0) / 2.0
    logs = [math.log(max(error, least)) for error in errors]
    cells: dict[str, list[float]] = defaultdict(list)
    for record, value in zip(records, logs, strict=True):
        cells[record.cell].append(value)
    return [
        value - sum(cells[record.cell]) / len(cells[record.cell])
        for record, value in zip(records, logs, strict=True)
    ]


def _ped_anova(
    records: list[TrialRecord],
    shapes: Mapping[str, BaseDistribution],
    names: list[str],
    values: list[float],
) -> dict[str, float]:
    """Shares by name, the largest first; none where nothing can be told apart."""
    import optuna

    if not names or len(set(values)) < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    for record, value in zip(records, values, strict=True):
        params = {name: record.params[name] for name in names}
        distributions = {name: shapes[name] for name in names}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=value)
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}
