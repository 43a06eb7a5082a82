"""Taking: exact totals, one claimant a trial, each signed before the next."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import BaseStorage

from study.errors import StorageAway
from study.places import Places
from study.queue.claims import Claim
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from tests.support.queues import TOTAL, drain, record_of, requeue, spec_of, sqlite_address, unsigned
from tests.support.waiting import FAR_AWAY


def test_the_total_is_exact_and_every_slot_is_run_once(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    assert store.prepare() == TOTAL
    assert store.prepare() == 0
    taken = drain(store)
    assert len(taken) == TOTAL
    assert max(Counter(claim.slot.name for claim in taken).values()) == 1
    counts = store.counts()
    assert (counts.total, counts.complete, counts.waiting, counts.running) == (TOTAL, TOTAL, 0, 0)
    assert len(store.records()) == TOTAL


def test_search_comes_first_and_the_dearest_cell_before_the_others(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain(store)
    phases = [claim.slot.phase for claim in taken]
    assert phases == sorted(phases, reverse=True)
    assert taken[0].slot.cell.name == "n160-width4-depth1"


def test_a_replicate_waits_until_the_search_of_its_cell_is_over(storage: BaseStorage) -> None:
    spec = spec_of(data={"sizes": [80]}, space={"width": [2], "depth": [1]})
    store = StudyStore(spec, storage)
    store.prepare()
    first = store.claim("a")
    second = store.claim("b")
    assert first
    assert second
    assert store.claim("c") == ()
    for claim in (*first, *second):
        store.finish(claim.trial_id, record_of(spec, claim))
    third = store.claim("c")
    assert third
    assert third[0].slot.phase == "replicate"


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_many_claimants_never_get_the_same_trial(kind: str, tmp_path: Path) -> None:
    spec = spec_of()
    places = Places.at(tmp_path)
    address = "" if kind == "journal" else sqlite_address(tmp_path)
    StudyStore(spec, open_storage(address, places)).prepare()
    taken: list[Claim] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        store = StudyStore(spec, open_storage(address, places))
        while (claims := store.claim(name)) is not None:
            for claim in claims:
                store.finish(claim.trial_id, record_of(spec, claim))
            with lock:
                taken.extend(claims)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, f"w{i}") for i in range(4)]:
            future.result(timeout=FAR_AWAY)
    assert Counter(claim.slot.name for claim in taken).most_common(1)[0][1] == 1
    assert len(taken) == TOTAL


def test_a_trial_handed_back_is_as_if_it_had_never_been_taken(storage: BaseStorage) -> None:
    spec = spec_of(run={"max_attempts": 1})
    store = StudyStore(spec, storage)
    store.prepare()
    claims = store.claim("w")
    assert claims
    store.give_back(claims)
    assert store.counts().waiting == TOTAL
    assert requeue(store, blame=True) == 0
    again = store.claim("w")
    assert again is not None
    assert [claim.slot for claim in again] == [claim.slot for claim in claims]


def test_each_trial_is_signed_before_the_next_is_taken(storage: BaseStorage) -> None:
    spec = spec_of(search={"trials": 12})
    store = StudyStore(spec, storage)
    store.prepare()
    take, seen = storage.set_trial_state_values, []

    def watched(*words: Any) -> bool:
        seen.append(unsigned(storage))
        return take(*words)

    storage.set_trial_state_values = watched  # type: ignore[method-assign, assignment]
    claims = store.claim("w", most=4)
    assert claims
    assert seen == [[]] * len(claims)
    assert len(claims) == 4


def test_who_could_not_sign_what_it_took_goes_on_with_what_is_still_its_own(
    storage: BaseStorage,
) -> None:
    spec = spec_of(search={"trials": 12})
    store = StudyStore(spec, storage)
    store.prepare()
    sign, left = store._claims._sign, [2]

    def breaks(trial_id: int, worker: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StorageAway("away")
        sign(trial_id, worker)

    store._claims._sign = breaks  # type: ignore[method-assign]
    with pytest.raises(StorageAway):
        store.claim("w", most=4)
    (orphan,) = unsigned(storage)
    store._claims._sign = sign  # type: ignore[method-assign]
    claims = store.claim("w", most=4)
    assert claims
    assert orphan in [claim.slot.name for claim in claims]
    assert len(claims) == 3
    assert unsigned(storage) == []
    # Another time it is taken for dead meanwhile, and somebody else has what it took.
    left[0], store._claims._sign = 1, breaks  # type: ignore[method-assign]
    with pytest.raises(StorageAway):
        store.claim("w", most=4)
    store._claims._sign = sign  # type: ignore[method-assign]
    (orphan,) = unsigned(storage)
    other = StudyStore(spec, storage)
    trial_id = other.id_of(orphan)
    assert trial_id is not None
    other.deaths.put_back(trial_id)
    theirs = other.claim("other")
    assert theirs
    assert orphan in [claim.slot.name for claim in theirs]
    mine = store.claim("w", most=4)
    assert mine
    assert orphan not in [claim.slot.name for claim in mine]
