"""The design is queued once, whatever stood there before and wherever a crash stopped it."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage

from study.queue.lean import LeanStorage
from study.queue.store import StudyStore
from tests.support.queues import TOTAL, drain, spec_of


def test_a_study_may_grow_and_shrink_and_keeps_its_trials(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    drain(store)
    larger = spec_of(
        data={"sizes": [80, 160, 320]},
        space={"width": [2, 4, 8], "depth": [1], "prune_ratio": [0.0, 0.5, 0.9]},
        replicates={"draws": 3},
    )
    assert larger.digest() == spec.digest()
    grown = StudyStore(larger, storage)
    total = 9 * 2 + 9 * 3 * 3
    assert grown.prepare() == total - TOTAL
    assert grown.counts().complete == TOTAL
    drain(grown)
    assert grown.counts().complete == total
    again = StudyStore(spec, storage)
    assert again.prepare() == 0
    assert len(again.records()) == TOTAL
    assert again.claim("w") is None
    assert again.n_unused() == total - TOTAL
    assert grown.n_unused() == 0


def test_preparing_goes_on_where_a_crash_stopped_it(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    # A database takes all trials of one dataset size at once, a journal one after the other.
    method, steps, queued = (
        ("create_many", 1, TOTAL // 2)
        if isinstance(storage, LeanStorage)
        else ("create_new_trial", 7, 7)
    )
    real, left = getattr(storage, method), [steps]

    def breaks(*args: Any, **kwargs: Any) -> Any:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(*args, **kwargs)

    setattr(storage, method, breaks)
    with pytest.raises(KeyboardInterrupt):
        store.prepare()
    setattr(storage, method, real)
    assert store.prepare() == TOTAL - queued
    assert store.counts().waiting == TOTAL


def test_trials_that_others_put_into_the_study_are_left_alone(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    optuna.load_study(study_name="small/n=80", storage=storage).enqueue_trial({"width": 2})
    assert store.counts().waiting == TOTAL
    assert len(drain(store)) == TOTAL
