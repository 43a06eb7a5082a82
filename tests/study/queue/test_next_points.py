"""Search points that the model chooses: after all others, the same for any workers."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.storages import BaseStorage

from study.plan.design import is_chosen, spread_points
from study.queue.claims import Claim
from study.queue.store import StudyStore
from study.record import Value
from study.spec.study_file import StudySpec
from tests.study.queue.test_winners import NAMES, drain, given, record_of, spec_of
from tests.support.queues import requeue


def choosing(**changes: Any) -> StudySpec:
    search = {"trials": 3, "sampler": "model", "winner": "pooled", **changes}
    return spec_of(search=search)


def chosen(spec: StudySpec, taken: list[Claim]) -> dict[str, tuple[Value, ...]]:
    """Values of each cell's last search trial."""
    found = {
        claim.slot.cell.name: tuple(claim.params[name] for name in NAMES)
        for claim in taken
        if is_chosen(spec, claim.slot)
    }
    assert len(found) == sum(is_chosen(spec, claim.slot) for claim in taken)
    return found


def alone(spec: StudySpec, taken: list[Claim]) -> dict[str, tuple[Value, ...]]:
    """What Halton's points would have been there."""
    return {
        claim.slot.cell.name: tuple(
            spread_points(spec, claim.slot.cell, 3)[2][name] for name in NAMES
        )
        for claim in taken
        if is_chosen(spec, claim.slot)
    }


def test_the_last_point_of_each_cell_waits_for_all_others(storage: BaseStorage) -> None:
    spec = choosing()
    store = StudyStore(spec, storage)
    store.prepare()
    first: list[Claim] = []
    while claims := store.claim("w"):
        first += claims
    assert len(first) == 12 * 2
    assert not any(is_chosen(spec, claim.slot) for claim in first)
    for claim in first:
        assert store.claim("w") == ()
        store.finish(claim.trial_id, record_of(spec, claim))
    last: list[Claim] = []
    while claims := store.claim("w"):
        last += claims
    assert len(last) == 12
    assert all(is_chosen(spec, claim.slot) for claim in last)
    for claim in last:  # replicates wait for these too
        assert store.claim("w") == ()
        store.finish(claim.trial_id, record_of(spec, claim))
    replicates = store.claim("w", most=10)
    assert replicates
    assert all(claim.slot.phase == "replicate" for claim in replicates)


def test_chosen_points_are_the_model_s_and_lie_in_their_ranges(storage: BaseStorage) -> None:
    spec = choosing()
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain([store])
    found = chosen(spec, taken)
    assert len(found) == 12
    assert all(found[cell] != point for cell, point in alone(spec, taken).items())
    for values in found.values():
        for axis, value in zip(spec.space.nuisance, values, strict=True):
            assert axis.domain.contains(value)
    told = {r.slot: tuple(r.params[name] for name in NAMES) for r in store.records()}
    assert {f"{cell}-search2": values for cell, values in found.items()}.items() <= told.items()
    assert len(given(taken)) == 12


def test_chosen_points_are_the_same_for_any_number_of_workers(tmp_path_factory: Any) -> None:
    from study.places import Places
    from study.queue.opening import open_storage

    spec = choosing()
    found = []
    for workers in (1, 3):
        storage = open_storage("", Places.at(tmp_path_factory.mktemp("next")))
        stores = [StudyStore(spec, storage) for _ in range(workers)]
        stores[0].prepare()
        taken = drain(stores, most=workers)
        found.append((chosen(spec, taken), given(taken)))
    assert found[0] == found[1]


def test_a_trial_whose_worker_died_keeps_the_values_that_it_was_given(
    storage: BaseStorage,
) -> None:
    spec = choosing()
    store = StudyStore(spec, storage)
    store.prepare()
    while claims := store.claim("w"):
        for claim in claims:
            if is_chosen(spec, claim.slot):
                break
            store.finish(claim.trial_id, record_of(spec, claim))
        else:
            continue
        break
    assert claims
    (lost,) = [claim for claim in claims if is_chosen(spec, claim.slot)]
    assert requeue(store) == 1
    again = StudyStore(spec, storage)
    while claims := again.claim("x"):
        for claim in claims:
            if claim.slot.name == lost.slot.name:
                assert claim.params == lost.params
                return
    pytest.fail("it was never taken again")


@pytest.mark.parametrize("trials", [1, 2])
def test_few_trials_leave_the_points_as_they_were(storage: BaseStorage, trials: int) -> None:
    few = {"space": {"width": [4], "depth": [1]}}
    search = {"trials": trials, "sampler": "model"}
    spec = spec_of(search=search, **few)
    store = StudyStore(spec, storage)
    store.prepare()
    searched = [claim for claim in drain([store]) if claim.slot.phase == "search"]
    assert len(searched) == 2 * trials
    for claim in searched:
        point = spread_points(spec, claim.slot.cell, trials)[claim.slot.index]
        assert {name: claim.params[name] for name in NAMES} == point
