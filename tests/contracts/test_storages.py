"""What every storage must do: one claimant, exact totals, one result, turns, beats."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from study.errors import StorageAway, StorageError
from study.launch.keeping import Keeper
from study.launch.locking import exclusively
from study.places import Places
from study.queue.beats import Heart, Roll, Watch
from study.queue.claims import Claim
from study.queue.deaths import ORPHAN_SECONDS, Orphans
from study.queue.filling import template
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.queue.turns import Turn
from study.spec.study_file import parse_spec
from tests.support.databases import KINDS
from tests.support.queues import RAW as SMALL
from tests.support.queues import TOTAL, record_of
from tests.support.waiting import FAR_AWAY

RAW = {**SMALL, "run": {"lease": 2, "max_attempts": 2}}

pytestmark = pytest.mark.parametrize("kind", KINDS)


class Site:
    """One empty storage, opened by as many processes (here: threads) as a test wants."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.places = address, Places.at(folder)
        self.spec = parse_spec(RAW, base=Path.cwd())

    def store(self) -> StudyStore:
        return StudyStore(self.spec, open_storage(self.address, self.places))


@pytest.fixture
def site(kind: str, new_address: Callable[[str], str], tmp_path: Path) -> Site:
    return Site(new_address(kind), tmp_path)


@pytest.mark.slow
def test_four_claimants_run_every_slot_once_to_the_exact_total(site: Site) -> None:
    assert site.store().prepare() == TOTAL
    assert site.store().prepare() == 0
    taken: list[Claim] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        store = site.store()
        while (claims := store.claim(name, most=3)) is not None:
            for claim in claims:
                assert store.finish(claim.trial_id, record_of(site.spec, claim))
            with lock:
                taken.extend(claims)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, f"w{i}") for i in range(4)]:
            future.result(timeout=FAR_AWAY)
    assert Counter(claim.slot.name for claim in taken).most_common(1)[0][1] == 1
    counts = site.store().counts()
    assert (counts.total, counts.complete, counts.waiting, counts.running) == (TOTAL, TOTAL, 0, 0)
    records = site.store().records()
    assert len(records) == TOTAL
    # Replicates took the values of the best search trial of their cell, whoever ran it.
    for cell in {claim.slot.cell.name for claim in taken}:
        mine = [claim for claim in taken if claim.slot.cell.name == cell]
        search = [claim for claim in mine if claim.slot.phase == "search"]
        best = min(search, key=lambda claim: (claim.slot.seed % 97, claim.number))
        for claim in mine:
            if claim.slot.phase == "replicate":
                assert claim.params["learning_rate"] == best.params["learning_rate"]


def test_a_worker_that_comes_before_the_study_may_wait_for_it(site: Site) -> None:
    if site.address.startswith("grpc:") or not site.address:
        pytest.skip("the proxy's tables are there; a journal's workers are started by its run")
    with pytest.raises(StorageAway, match=r"no study was started at .* yet; start it with"):
        open_storage(site.address, site.places, create=False)
    site.store().prepare()
    open_storage(site.address, site.places, create=False)


def test_launchers_that_open_a_fresh_database_at_once_all_get_in(site: Site) -> None:
    start = threading.Barrier(6)

    def launch() -> StudyStore:
        start.wait()
        return site.store()

    with ThreadPoolExecutor(6) as pool:
        stores = [
            future.result(timeout=FAR_AWAY) for future in [pool.submit(launch) for _ in range(6)]
        ]
    assert stores[0].prepare() == TOTAL
    assert {store.counts().waiting for store in stores} == {TOTAL}


@pytest.mark.slow
def test_launchers_that_prepare_at_once_make_one_queue(site: Site) -> None:
    site.store().prepare()  # the tables, the studies and some trials are there
    draws = 4 if site.address.startswith("grpc:") else 40
    spec = parse_spec({**RAW, "replicates": {"draws": draws}}, base=Path.cwd())
    total = 4 * 2 + 4 * draws * 2
    stores = [StudyStore(spec, open_storage(site.address, site.places)) for _ in range(4)]
    for store in stores:
        store.counts()
    start = threading.Barrier(len(stores))

    def launch(store: StudyStore) -> int:
        start.wait()
        with exclusively(site.places) if store.is_local else contextlib.nullcontext():
            return store.prepare()

    with ThreadPoolExecutor(len(stores)) as pool:
        queued = [
            future.result(timeout=FAR_AWAY) for future in [pool.submit(launch, s) for s in stores]
        ]
    store = StudyStore(spec, open_storage(site.address, site.places))
    counts = store.counts()
    assert (counts.total, counts.waiting) == (total, total)
    taken: Counter[str] = Counter()
    while claims := store.claim("w", most=50):
        taken.update(claim.slot.name for claim in claims)
        for claim in claims:
            assert store.finish(claim.trial_id, record_of(spec, claim))
    assert len(taken) == total
    assert set(taken.values()) == {1}
    assert store.counts().finished == total
    if not site.address.startswith("grpc:"):  # there the second of a slot waits, and is nobody's
        assert sum(queued) == total - TOTAL
        every = [
            trial.user_attrs["slot"]
            for study in store.storage.get_all_studies()
            for trial in store.storage.get_all_trials(study._study_id)
        ]
        assert Counter(every) == taken


def test_a_slot_that_was_queued_twice_runs_once(site: Site) -> None:
    store = site.store()
    store.prepare()
    study_id = store.storage.get_study_id_from_name("small/n=80")
    for trial in store.storage.get_all_trials(study_id)[:3]:
        slot = store.trials.slots[trial.user_attrs["slot"]]
        store.storage.create_new_trial(study_id, template(site.spec, slot))
    assert store.prepare() == 0
    assert store.counts().waiting == TOTAL
    taken: list[str] = []
    while claims := store.claim("w", most=9):
        taken += [claim.slot.name for claim in claims]
        for claim in claims:
            assert store.finish(claim.trial_id, record_of(site.spec, claim))
    assert len(taken) == len(set(taken)) == TOTAL
    assert store.counts().finished == store.counts().total == TOTAL


@pytest.mark.slow
def test_the_first_result_stands_and_is_known_again(site: Site) -> None:
    store = site.store()
    store.prepare()
    claims = store.claim("w")
    assert claims
    record = record_of(site.spec, claims[0], worker="w")
    other = dataclasses.replace(record, worker="x", finished_at=1.0)
    assert store.finish(claims[0].trial_id, record)
    again = site.store()
    assert not again.finish(claims[0].trial_id, other)
    assert again.holds(record)
    assert not again.holds(other)


def test_what_a_dead_worker_elsewhere_had_is_run_again_then_given_up(site: Site) -> None:
    store = site.store()
    store.prepare()
    if store.is_local:
        pytest.skip("a journal is for one machine: the kernel's locks tell the dead")
    clock = [0.0]
    keeper = Keeper(site.store(), site.places, "keeper")
    keeper._watch = Watch(keeper._read, 2.0, lambda: clock[0])

    def let_pass(seconds: float) -> None:
        for _ in range(round(seconds / 0.5)):
            clock[0] += 0.5
            keeper._next_look = 0.0
            keeper.look()

    roll = Roll(store.storage, site.spec.name)
    with Heart(roll, "elsewhere", 60.0):
        first = store.claim("elsewhere")
        assert first
        let_pass(1.0)
        keeper._next_look = 0.0
        assert keeper.tidy() == 0  # not long enough
        roll.say("elsewhere", {"n": 99})
        let_pass(1.5)
        assert keeper.tidy() == 0  # it moved
        let_pass(2.0)
        assert keeper.tidy() == 1
        assert keeper.tidy() == 0
    again = keeper.store.claim("too")
    assert again
    assert again[0].slot == first[0].slot
    assert keeper.tidy() == 0  # never heard of before
    let_pass(3.0)
    assert keeper.tidy() == 0  # two workers died of it: given up, not queued
    (record,) = keeper.store.records()
    assert record.status == "failed"
    assert record.reason == "its worker died 2 times, the last one was too"


@pytest.mark.slow
def test_what_was_taken_and_never_signed_runs_again_and_is_not_blamed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.store().prepare()
    clock = [0.0]
    keeper = Keeper(site.store(), site.places, "keeper")
    keeper.store.deaths._orphans = Orphans(2 * ORPHAN_SECONDS, lambda: clock[0])

    def dies(trial_id: int, worker: str) -> None:
        raise KeyboardInterrupt

    for _ in range(3):  # more often than a trial may kill a worker
        doomed = site.store()
        doomed._claims._sign = dies  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            doomed.claim("doomed", most=3)
        assert keeper.tidy() == 0
        clock[0] += ORPHAN_SECONDS + 1
        with monkeypatch.context() as patch:
            if doomed.is_local:
                patch.setattr("study.queue.deaths.ORPHAN_SECONDS", -1.0)
            assert keeper.tidy() == 1
        assert keeper.tidy() == 0
    counts = keeper.store.counts()
    assert (counts.waiting, counts.failed) == (TOTAL, 0)


@pytest.mark.slow
def test_a_turn_has_one_holder_and_outlives_a_dead_one(site: Site) -> None:
    study_id = Roll(site.store().storage, "small").study_id
    dead: set[str] = set()

    def turn(name: str) -> Turn:
        return Turn(site.store().storage, study_id, name, lambda holder: holder not in dead)

    with turn("a").taken() as mine:
        assert mine
        with turn("b").taken() as theirs:
            assert not theirs
    with turn("b").taken() as mine:
        assert mine
        dead.add("b")
        with turn("c").taken() as first:
            assert not first  # this round breaks it ...
        with turn("c").taken() as second:
            assert second  # ... the next has it
            with turn("d").taken() as theirs:
                assert not theirs


def test_a_changed_study_is_refused(site: Site) -> None:
    site.store().prepare()
    changed = parse_spec({**RAW, "training": {"epochs": 31}}, base=Path.cwd())
    with pytest.raises(StorageError, match=r"training\.epochs: 30 -> 31"):
        StudyStore(changed, open_storage(site.address, site.places)).check_unchanged()
