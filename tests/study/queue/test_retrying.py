"""What failed is queued again, unless something was built, or is being built, without it."""

from __future__ import annotations

import pytest
from optuna.storages import BaseStorage

from study.errors import StorageError
from study.queue.claims import Claim
from study.queue.store import StudyStore
from tests.support.queues import record_of, spec_of

BEFORE = {"data": "aa", "training.function mine.py": "bb"}
MENDED = {**BEFORE, "training.function mine.py": "cc"}


def begun(storage: BaseStorage, *, failed: int) -> StudyStore:
    """A study of one cell with two search trials, of which the first ones failed."""
    spec = spec_of(data={"sizes": [80]}, space={"width": [2], "depth": [1]})
    store = StudyStore(spec, storage)
    store.prepare(BEFORE)
    for k in range(2):
        status = "failed" if k < failed else "complete"
        claim = taken(store)
        assert claim.slot.phase == "search"
        assert store.finish(claim.trial_id, record_of(spec, claim, status=status))
    return store


def taken(store: StudyStore) -> Claim:
    claims = store.claim("w")
    assert claims
    return claims[0]


def test_a_search_trial_that_failed_runs_again_before_its_replicates(storage: BaseStorage) -> None:
    store = begun(storage, failed=1)
    found = store.retry_failed(MENDED)
    assert (found.queued, found.kept, found.changed) == (1, 0, ("training.function mine.py",))
    assert taken(StudyStore(store.spec, storage)).slot.phase == "search"
    store.check_unchanged(MENDED)


@pytest.mark.parametrize("ended", [False, True])
def test_it_stays_where_a_replicate_has_ended_or_runs(storage: BaseStorage, ended: bool) -> None:
    store = begun(storage, failed=1)
    claim = taken(store)
    assert claim.slot.phase == "replicate"
    if ended:
        assert store.finish(claim.trial_id, record_of(store.spec, claim))
    found = store.retry_failed(MENDED)
    assert (found.queued, found.kept, found.changed) == (0, 1, ())
    assert taken(StudyStore(store.spec, storage)).slot.phase == "replicate"


def test_other_code_is_taken_over_only_where_something_runs_again(storage: BaseStorage) -> None:
    store = begun(storage, failed=0)
    assert store.retry_failed(MENDED).changed == ()
    store.check_unchanged(BEFORE)
    with pytest.raises(StorageError, match=r"other training.function mine.py"):
        store.check_unchanged(MENDED)


def test_other_data_are_refused_and_nothing_is_queued(storage: BaseStorage) -> None:
    store = begun(storage, failed=1)
    with pytest.raises(StorageError, match="other data"):
        store.retry_failed({**MENDED, "data": "dd"})
    assert store.counts().failed == 1
    store.check_unchanged(BEFORE)


def test_a_replicate_that_failed_runs_again_while_others_run(storage: BaseStorage) -> None:
    store = begun(storage, failed=0)
    claim = taken(store)
    assert store.finish(claim.trial_id, record_of(store.spec, claim, status="failed"))
    taken(store)
    assert store.retry_failed(BEFORE).queued == 1


def test_what_only_the_dead_have_in_hand_keeps_no_code_from_being_mended(
    storage: BaseStorage,
) -> None:
    spec = spec_of(data={"sizes": [80]}, space={"width": [2], "depth": [1]})
    store = StudyStore(spec, storage)
    store.prepare(BEFORE)
    taken(store)
    assert store.accept(MENDED, lambda _: True) == ()
    assert store.counts().running == 1
    assert store.accept(MENDED, lambda _: False) == ("training.function mine.py",)
    assert store.counts().running == 0
    store.check_unchanged(MENDED)
