"""What a report tells of a study beside its analysis: origin, importances, learning curves."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from study.errors import StorageError
from study.places import sqlite_file
from study.redaction import redact

if TYPE_CHECKING:
    from analysis.report import LearningCurve, ReportSource
    from analysis.table.trials import TrialTable
    from study.record import TrialRecord
    from study.spec.study_file import StudySpec

CAPACITIES = 6
"""Learning curves shown of one dataset size."""

CURVES = ("val_error", "val_loss", "train_loss")
"""Curves shown, the first that the trials have."""

PACKAGES = ("payoff", "numpy", "scipy", "torch", "optuna", "mlflow")


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of the packages that are installed."""
    found = {}
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers rest on, as installed now."""
    found = {"Python": platform.python_version()} | installed(PACKAGES)
    return {"Written with": ", ".join(f"{name} {number}" for name, number in found.items())}


def study_source(
    spec: StudySpec,
    records: Iterable[TrialRecord],
    table: TrialTable,
    *,
    commands: tuple[str, ...] = (),
    study_file: str = "",
    address: str | None = None,
) -> ReportSource:
    """Gather what a report tells of a study.

    Passwords in the text of the study file are masked, for pages are passed on. Learning curves are
    read from the MLflow store at ``address``, if one is given.
    """
    from analysis.report import ReportSource, Share
    from study.handover.importance import search_importance

    rows = list(records)
    learning: tuple[LearningCurve, ...] = ()
    missing = ""
    if address is not None:
        try:
            learning = _learning(spec, table, address)
            missing = "" if learning else "MLflow holds no learning curves of these trials."
        except StorageError as error:
            missing = f"Learning curves were not read: {error}."
    return ReportSource(
        name=spec.name,
        description=redact(spec.study.description),
        commands=commands,
        facts=_facts(spec, rows) | versions(),
        study_file=redact(study_file, spec.storage.optuna, spec.storage.mlflow),
        learning=learning,
        learning_missing=missing,
        importance=tuple(
            Share(**{field.name: getattr(one, field.name) for field in dataclasses.fields(Share)})
            for one in search_importance(spec, rows)
        ),
    )


def _facts(spec: StudySpec, records: Sequence[TrialRecord]) -> dict[str, str]:
    """Digests, seeds, code versions."""
    code = sorted({record.code_version for record in records if record.code_version})
    data = {}
    for n in sorted({record.n_examples for record in records if record.data_digest}):
        found = sorted({one.data_digest for one in records if one.n_examples == n} - {""})
        more = f" and {len(found) - 4} more" if len(found) > 4 else ""
        data[f"Data, {n:,} examples"] = ", ".join(found[:4]) + more
    return {
        "Study digest": spec.digest(),
        "Seed": str(spec.study.seed),
        "Data set": spec.data.name,
        "Model family": spec.model.family,
        **data,
        **({"Trained with": ", ".join(code)} if code else {}),
    }


def _learning(spec: StudySpec, table: TrialTable, address: str) -> tuple[LearningCurve, ...]:
    """Learning curves of one replicate of some capacities of each dataset size."""
    from analysis.report import LearningCurve

    file = sqlite_file(address)
    if file is not None and not file.is_file():
        return ()
    from study.tracking.reading import read_curves

    found = read_curves(address, spec.name, chosen_slots(table), CURVES)
    return tuple(LearningCurve(slot=slot, series=series) for slot, series in found.items())


def chosen_slots(table: TrialTable) -> list[str]:
    """The first dense replicate of capacities spread evenly over the sizes, per dataset size."""
    first: dict[int, dict[str, int]] = {}
    for k in range(len(table)):
        if (
            table.phase[k] == "replicate"
            and table.status[k] == "complete"
            and table.route[k] in ("trained", "custom")
            and table.slot[k]
            and np.isfinite(table.n_parameters[k])
        ):
            first.setdefault(int(table.n_examples[k]), {}).setdefault(table.cell[k], k)
    slots = []
    for cells in first.values():
        rows = sorted(cells.values(), key=lambda k: (float(table.n_parameters[k]), k))
        places = np.linspace(0, len(rows) - 1, min(CAPACITIES, len(rows))).round().astype(int)
        slots += [table.slot[rows[int(place)]] for place in places]
    return slots
