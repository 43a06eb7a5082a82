"""The trials of the dead run again; one that kills its workers is given up."""

from __future__ import annotations

from optuna.storages import BaseStorage

from study.queue.store import StudyStore
from tests.support.queues import TOTAL, drain, requeue, spec_of


def test_trials_of_the_dead_are_queued_again_and_of_the_living_are_not(
    storage: BaseStorage,
) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    dead, alive = store.claim("dead"), store.claim("alive")
    assert dead
    assert alive
    assert requeue(store, "alive") == 1
    assert requeue(store, "alive") == 0
    again = store.claim("next")
    assert again is not None
    assert [claim.slot for claim in again] == [claim.slot for claim in dead]
    assert [claim.params for claim in again] == [claim.params for claim in dead]


def test_a_trial_that_kills_its_workers_is_given_up_with_the_reason(storage: BaseStorage) -> None:
    spec = spec_of(run={"max_attempts": 2})
    store = StudyStore(spec, storage)
    store.prepare()
    first = store.claim("dead")
    assert first
    assert requeue(store, blame=True) == 1
    assert store.claim("dead-too")
    assert requeue(store, blame=True) == 0
    (record,) = store.records()
    assert record.slot == first[0].slot.name
    assert record.status == "failed"
    assert record.reason == "its worker died 2 times, the last one was dead-too"
    assert store.counts().failed == 1


def test_a_run_that_is_killed_again_and_again_blames_no_trial(storage: BaseStorage) -> None:
    spec = spec_of(run={"max_attempts": 2})
    store = StudyStore(spec, storage)
    store.prepare()
    for kill in range(5):
        assert store.claim(f"dead{kill}", most=4)
        assert requeue(store) >= 1
    assert len(drain(store)) == TOTAL
    assert store.counts().failed == 0


def test_what_may_have_killed_its_worker_is_tried_again_alone(storage: BaseStorage) -> None:
    spec = spec_of(search={"trials": 12})
    store = StudyStore(spec, storage)
    store.prepare()
    pack = store.claim("dead", most=4)
    assert pack
    assert len(pack) == 4
    assert requeue(store, blame=True) == 4
    for _ in range(4):
        alone = store.claim("next", most=4)
        assert alone
        assert len(alone) == 1
        assert alone[0].slot in [claim.slot for claim in pack]
    others = store.claim("next", most=4)
    assert others
    assert len(others) == 4
