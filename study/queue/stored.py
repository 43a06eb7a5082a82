"""Opening what was stored, for commands that only read: they create nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError, nearest
from study.places import Places
from study.record import TrialRecord
from study.redaction import redact

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from study.queue.store import StudyStore
    from study.spec.study_file import StudySpec


def stored_storage(address: str, places: Places, again: str) -> BaseStorage:
    """Open Optuna's storage, which must be there; ``again`` is the command that would create it."""
    from study.addresses import sqlite_file

    file = sqlite_file(address) if address else places.optuna_journal
    if file is not None and not file.is_file():
        if address:
            raise PayoffError(
                f"storage.optuna: there is no database at {redact(address)}; "
                f"correct the address, or start a study there with: {again}"
            )
        raise PayoffError(f"{places.root}: no study was started here yet; start it with: {again}")
    from study.queue.opening import open_storage

    return open_storage(address, places)


def stored_study(spec: StudySpec, places: Places, again: str) -> StudyStore:
    """Open a study that was started, with the same settings."""
    from study.queue.store import StudyStore

    store = StudyStore(spec, stored_storage(spec.storage.optuna, places, again))
    if not store.is_started():
        raise PayoffError(f"{spec.name}: this study was not started yet; start it with: {again}")
    store.check_unchanged()
    return store


def stored_records(name: str, address: str, places: Places, again: str) -> tuple[TrialRecord, ...]:
    """Return the record of every finished trial of a study by its name, without its file."""
    storage = stored_storage(address, places, again)
    found = [one.study_name for one in storage.get_all_studies() if "/n=" in one.study_name]
    names = dict.fromkeys(study.rpartition("/n=")[0] for study in found)
    if name not in names:
        listed = ", ".join(names) or "none"
        raise PayoffError(
            f"{name}: no study of this name was started here{nearest(name, names)} "
            f"(there are: {listed}); start it with: {again}"
        )
    return tuple(
        TrialRecord(**trial.user_attrs["record"])
        for study in found
        if study.rpartition("/n=")[0] == name
        for trial in storage.get_all_trials(storage.get_study_id_from_name(study), deepcopy=False)
        if trial.state.is_finished() and "record" in trial.user_attrs
    )
