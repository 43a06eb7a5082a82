"""A study small enough to be queued, taken and told within a moment; nothing is trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import TrialState

from study.queue.claims import Claim
from study.queue.store import StudyStore
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials.task import failed

RAW: dict[str, Any] = {
    "study": {"name": "small"},
    "data": {"sizes": [80, 160]},
    "space": {"width": [2, 4], "depth": [1], "prune_ratio": [0.0, 0.5]},
    "search": {"trials": 2, "winner": "best"},
    "replicates": {"draws": 2},
    "training": {"min_steps": 0},
}
TOTAL = 4 * 2 + 4 * 2 * 2


def spec_of(**changes: Any) -> StudySpec:
    """Return the study with other tables of its file."""
    return parse_spec({**RAW, **changes}, base=Path.cwd())


def record_of(spec: StudySpec, claim: Claim, **changes: Any) -> TrialRecord:
    """Return a made-up result: its error follows from the trial's seed."""
    base = failed(spec, claim, "")
    error = (claim.slot.seed % 97) / 100
    changes = {"status": "complete", "metrics": {"val_error": error, "val_loss": error}, **changes}
    return dataclasses.replace(base, **changes)


def drain(store: StudyStore, worker: str = "w", most: int = 1) -> list[Claim]:
    """Take and tell trials until none is left; return what was taken."""
    taken: list[Claim] = []
    while (claims := store.claim(worker, most=most)) is not None:
        for claim in claims:
            assert store.finish(claim.trial_id, record_of(store.spec, claim))
        taken += claims
    return taken


def requeue(store: StudyStore, *alive: str, blame: bool = False) -> int:
    """Put the trials of all but the workers named back; give up as the store asks for."""

    def give_up(trial_id: int, record: TrialRecord) -> None:
        assert store.finish(trial_id, record)

    dead = store.deaths.find(lambda name: name in alive)
    return store.deaths.requeue(dead, blame=blame, give_up=give_up)


def unsigned(storage: BaseStorage) -> list[str]:
    """Return the slots of the trials that run and that nobody signed for."""
    return [
        trial.user_attrs["slot"]
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id)
        if trial.state == TrialState.RUNNING
        and not trial.user_attrs.get("claim", {}).get("worker", "")
    ]


def sqlite_address(folder: Path) -> str:
    """Return the address of a SQLite file."""
    return f"sqlite:///{folder}/optuna.db"
