"""A trial that waits to be run, and what is known of it whatever comes of it."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from search_spaces.errors import PayoffError
from study.compression.teachers import Teacher
from study.plan.design import Slot
from study.record import TrialRecord, Value
from study.redaction import redact
from study.spec.study_file import StudySpec


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


def failed(
    spec: StudySpec, task: Task, reason: str, *, worker: str = "", started: float = 0.0
) -> TrialRecord:
    """Return the record of a trial that raised, or whose workers died.

    What came of one that ended well is put in place of what this says.
    """
    now = time.time()
    slot = task.slot
    return TrialRecord(
        study=spec.name,
        study_digest=spec.digest(),
        optuna_study=task.optuna_study,
        trial=task.number,
        slot=slot.name,
        cell=slot.cell.name,
        phase=slot.phase,
        status="failed",
        reason=reason,
        route=route_of(spec, slot),
        n_examples=slot.cell.n_examples,
        draw=slot.draw,
        seed=slot.seed,
        params=dict(task.params),
        metrics={},
        sizes={},
        flags={},
        code_version=code_version(spec),
        worker=worker,
        started_at=started or now,
        finished_at=now,
        method=slot.method,
        parent=slot.unit if slot.method else "",
    )


def route_of(spec: StudySpec, slot: Slot) -> str:
    """Name how the model is made."""
    if spec.training.function:
        return "custom"
    if slot.cell.teacher:
        return "distilled"
    return "pruned" if slot.prune_ratio > 0 else "trained"


def describe(error: BaseException) -> str:
    """Say in one line, without a password, what was raised and where.

    What is for people already stays as it is.
    """
    if isinstance(error, PayoffError):
        return redact(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = str(error).strip().splitlines()
    return redact(f"{type(error).__name__}: {text[0] if text else ''}{where}")


def code_version(spec: StudySpec) -> str:
    """Name this package's version and the content of the user's own code files."""
    parts = [f"payoff {_own_version()}"]
    for reference in (spec.model.function, spec.training.function, spec.data.function):
        file = spec.base / reference.rpartition(":")[0]
        if reference and file.is_file():
            parts.append(f"{file.name} {_file_digest(file)}")
    return ", ".join(parts)


@lru_cache(maxsize=1)
def _own_version() -> str:
    return version("payoff")  # reads a file


@lru_cache(maxsize=8)
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
