"""Optuna's cached database storage, with a reading that does not grow with the queue.

Optuna's own cache keeps finished trials, and reads every unfinished one again, whole, each time:
in a study of 20,000 queued trials that is 20,000 trials with all their attributes for each look.
Here the states alone are read first, in one narrow query, and only what changed is read whole. A
trial that waits and has not been started since it was last read has nothing new to say.

Likewise queueing: Optuna creates one trial at a time, counting all earlier ones for its number.
:meth:`LeanStorage.create_many` writes the same rows, many at a time, in one transaction.

All of this builds on what is private to Optuna: only :mod:`study.queue.databases` imports it, and
does without where that is not there or not as it is known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from optuna.storages import RDBStorage, _CachedStorage
from optuna.storages._cached_storage import _StudyInfo
from optuna.trial import FrozenTrial, TrialState

from study.queue import tables
from study.queue.upstream import expect, expect_arguments


class LeanStorage(_CachedStorage):
    """Optuna's cache over a database, read and filled in bulk.

    Raises
    ------
    Unlike
        If what is private to Optuna is not as it is known here.
    """

    def __init__(self, backend: RDBStorage) -> None:
        tables.check(backend)
        expect_arguments(_CachedStorage, "__init__", "self", "backend")
        super().__init__(backend)
        self._check()
        self._looked: dict[int, tuple[TrialState, datetime | None]] = {}
        """State and start of each unfinished trial when it was last read whole."""

    def _check(self) -> None:
        """Raise Unlike unless the cache keeps what it is asked for where it is expected."""
        cache, info = _CachedStorage, _StudyInfo()
        reads = "_read_trials_from_remote_storage"
        expect_arguments(cache, reads, "self", "study_id")
        expect_arguments(cache, "_add_trials_to_cache", "self", "study_id", "trials")
        expect(reads in cache.get_all_trials.__code__.co_names, "the cache is filled elsewhere")
        expect(
            {"_backend", "_lock", "_studies"} <= vars(self).keys()
            and vars(info).get("unfinished_trial_ids") == set()
            and vars(info).get("last_finished_trial_id") == -1,
            "the cache is kept in other fields",
        )

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        with self._lock:
            study = self._studies.setdefault(study_id, _StudyInfo())
            with self._backend.engine.connect() as connection:
                found = tables.states(connection, study_id, study.last_finished_trial_id)
            changed = study.unfinished_trial_ids - found.keys()  # finished, or gone
            for trial_id, now in found.items():
                if now[0] != TrialState.WAITING or self._looked.get(trial_id) != now:
                    changed.add(trial_id)
            self._read_whole(study_id, sorted(changed), found)
            study.last_finished_trial_id = max(
                (study.last_finished_trial_id, *(i for i, s in found.items() if s[0].is_finished()))
            )

    def _read_whole(
        self,
        study_id: int,
        trial_ids: Sequence[int],
        found: Mapping[int, tuple[TrialState, datetime | None]],
    ) -> None:
        """Read trials with all that belongs to them into the cache."""
        study = self._studies[study_id]
        for start in range(0, len(trial_ids), tables.CHUNK):
            wanted = set(trial_ids[start : start + tables.CHUNK])
            with self._backend.engine.connect() as connection:
                trials = tables.read(connection, wanted)
            self._add_trials_to_cache(study_id, trials)
            for trial in trials:
                if trial.state.is_finished():
                    study.unfinished_trial_ids.discard(trial._trial_id)
                    self._looked.pop(trial._trial_id, None)
                else:
                    study.unfinished_trial_ids.add(trial._trial_id)
                    if trial._trial_id in found:
                        self._looked[trial._trial_id] = found[trial._trial_id]

    def create_many(
        self, study_id: int, templates: Sequence[FrozenTrial], *, once: str = ""
    ) -> int:
        """Queue waiting trials in one transaction; see :func:`study.queue.tables.write`."""
        with self._backend.engine.begin() as connection:
            return tables.write(connection, study_id, templates, once=once)
