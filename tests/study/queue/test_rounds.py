"""Rounds in a storage: there whole or not at all, one of each number, the same for everybody."""

from __future__ import annotations

import dataclasses

from optuna.storages import BaseStorage

from study.plan.rounds import Round, Wanted
from study.queue.rounds import StoredRounds
from study.queue.store import StudyStore, started
from study.spec.study_file import StudySpec
from tests.support.queues import TOTAL, drain, spec_of

DECIDE = {"target": 3.0}


def deciding() -> StudySpec:
    return spec_of(decide=DECIDE)


def begun(storage: BaseStorage) -> StudyStore:
    store = StudyStore(deciding(), storage)
    store.prepare()
    store.planned.ask(store.spec.decide)
    return store


def a_round(store: StudyStore, number: int = 1, replicates: int = 4, **more: str) -> Round:
    wanted = Wanted(
        n_examples=80, capacity={"width": 2, "depth": 1}, replicates=replicates, search=2
    )
    asked = store.planned.asked()
    assert asked is not None
    return Round(number=number, asked=asked, wanted=() if more else (wanted,), **more)  # type: ignore[arg-type]


def test_a_study_that_only_has_its_design_leaves_nothing_there(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    store.planned.ask(store.spec.decide)
    assert store.planned.asked() is None
    assert not store.awaits_round()
    drain(store)
    assert store.is_done()
    assert len(storage.get_all_studies()) == 2


def test_a_round_is_queued_once_whoever_takes_it_over(storage: BaseStorage) -> None:
    store, other = begun(storage), StudyStore(deciding(), storage)
    assert len(drain(store)) == TOTAL
    assert not store.is_done()
    assert store.claim("w") is None
    store.planned.add(a_round(store))
    assert store.renew()
    assert not store.renew()
    assert store.prepare() == 2
    assert other.renew()
    assert other.prepare() == 0
    assert len(drain(other)) == 2
    assert other.counts().total == other.counts().complete == TOTAL + 2
    assert len(store.records()) == TOTAL + 2
    assert store.trials.per_size() == {80: TOTAL // 2 + 2, 160: TOTAL // 2}


def test_of_two_rounds_with_one_number_the_first_counts_for_all(storage: BaseStorage) -> None:
    store = begun(storage)
    first, second = a_round(store), a_round(store, replicates=9)
    StoredRounds(storage, "small").add(first)
    StoredRounds(storage, "small").add(second)
    assert store.planned.read() == (first,)
    assert StudyStore(deciding(), storage).rounds == (first,)


def test_a_study_that_ended_goes_on_only_for_who_asks_for_more(storage: BaseStorage) -> None:
    store = begun(storage)
    drain(store)
    store.planned.add(a_round(store, ends="decided"))
    assert store.is_done()
    assert store.claim("w") is None
    again = StudyStore(deciding(), storage)
    again.planned.ask(again.spec.decide)
    assert again.is_done()
    more = dataclasses.replace(again.spec.decide, target=2.0)
    again.planned.ask(more)
    assert not again.is_done()
    assert not store.is_done()


def test_a_study_whose_file_asks_no_more_keeps_the_trials_of_its_rounds(
    storage: BaseStorage,
) -> None:
    store = begun(storage)
    drain(store)
    store.planned.add(a_round(store))
    store.renew()
    store.prepare()
    drain(store)
    plain = StudyStore(spec_of(), storage)
    plain.planned.ask(plain.spec.decide)
    assert plain.is_done()
    assert len(plain.records()) == TOTAL + 2
    assert plain.n_unused() == 0


def test_a_dataset_size_that_leaves_the_file_takes_what_rounds_gave_it_along(
    storage: BaseStorage,
) -> None:
    store = begun(storage)
    drain(store)
    store.planned.add(a_round(store))
    store.renew()
    store.prepare()
    drain(store)
    less = StudyStore(spec_of(data={"sizes": [160]}), storage)
    less.prepare()
    less.planned.ask(less.spec.decide)
    assert less.is_done()
    assert len(less.records()) == less.counts().total == TOTAL // 2
    assert less.n_unused() == TOTAL // 2 + 2


def test_a_study_that_ended_goes_on_once_it_has_other_results(storage: BaseStorage) -> None:
    store = begun(storage)
    drain(store)
    complete = store.counts().complete
    store.planned.add(dataclasses.replace(a_round(store, ends="decided"), complete=complete))
    assert store.is_done()
    grown = StudyStore(spec_of(decide=DECIDE, data={"sizes": [80, 160, 320]}), storage)
    grown.prepare()
    drain(grown)
    assert grown.counts().complete > complete
    assert grown.awaits_round()
    ended = dataclasses.replace(a_round(store, 2, ends="decided"), complete=grown.counts().complete)
    grown.planned.add(ended)
    assert grown.is_done()


def test_rounds_are_no_study_of_their_own(storage: BaseStorage) -> None:
    store = begun(storage)
    store.planned.add(a_round(store))
    assert list(started(storage)) == ["small"]
