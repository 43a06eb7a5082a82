"""Winners of the whole search: waited for, the same for any workers, kept when a study grows."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from optuna.storages import BaseStorage

from study.queue.claims import Claim
from study.queue.store import StudyStore
from study.record import TrialRecord, Value
from study.spec.study_file import StudySpec
from tests.study.plan.test_winners import error_of
from tests.support.queues import record_of as made_up
from tests.support.queues import requeue
from tests.support.queues import spec_of as small

NAMES = ("learning_rate", "weight_decay", "dropout")
Given = dict[str, dict[str, Value]]


def spec_of(**changes: Any) -> StudySpec:
    raw: dict[str, Any] = {
        "space": {"width": [4, 16, 64], "depth": [1, 2], "prune_ratio": [0.0, 0.5]},
        "search": {"trials": 2, "winner": "pooled"},
    }
    return small(**{**raw, **changes})


def record_of(spec: StudySpec, claim: Claim, **changes: Any) -> TrialRecord:
    error = error_of(claim.slot.cell, claim.params, claim.slot.seed)
    changes = {"metrics": {"val_error": error, "val_loss": error}, **changes}
    return made_up(spec, claim, **changes)


def drain(stores: list[StudyStore], most: int = 1, until: int = 10**6) -> list[Claim]:
    """Let workers take turns; return what they took."""
    taken: list[Claim] = []
    held: list[tuple[StudyStore, Claim]] = []
    done = False
    while not done and len(taken) < until:
        for number, store in enumerate(stores):
            claims = store.claim(f"w{number}", most=most)
            done = claims is None
            held += [(store, claim) for claim in claims or ()]
            taken += claims or ()
        for store, claim in held:
            assert store.finish(claim.trial_id, record_of(store.spec, claim))
        held.clear()
    return taken


def given(taken: list[Claim]) -> Given:
    """Values of each cell's replicates, which are all the same."""
    found: dict[str, set[tuple[Value, ...]]] = defaultdict(set)
    for claim in taken:
        if claim.slot.phase == "replicate":
            found[claim.slot.cell.name].add(tuple(claim.params[name] for name in NAMES))
    assert all(len(values) == 1 for values in found.values())
    return {cell: dict(zip(NAMES, values.pop(), strict=True)) for cell, values in found.items()}


def test_replicates_wait_for_the_search_of_all_cells(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    searches: list[Claim] = []
    while claims := store.claim("w"):
        searches += claims
        assert all(claim.slot.phase == "search" for claim in claims)
    assert len(searches) == 12 * 2
    for claim in searches[:-1]:
        store.finish(claim.trial_id, record_of(spec, claim))
        assert store.claim("w") == ()
    store.finish(searches[-1].trial_id, record_of(spec, searches[-1]))
    replicates = store.claim("w", most=10)
    assert replicates
    assert all(claim.slot.phase == "replicate" for claim in replicates)


def test_winners_come_from_the_model_and_not_from_one_score(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    taken = drain([store])
    tried = {tuple(c.params[n] for n in NAMES) for c in taken if c.slot.phase == "search"}
    found = given(taken)
    assert len(found) == 12
    assert not tried & {tuple(values.values()) for values in found.values()}


def test_any_number_of_workers_finds_the_same_winners(tmp_path: Any) -> None:
    from study.places import Places
    from study.queue.opening import open_storage

    found = []
    for workers, most in ((1, 1), (2, 4), (8, 3)):
        places = Places.at(tmp_path / str(workers))
        stores = [StudyStore(spec_of(), open_storage("", places)) for _ in range(workers)]
        stores[0].prepare()
        found.append(given(drain(stores, most)))
    assert found[0] == found[1] == found[2]


def test_a_study_that_goes_on_keeps_its_winners(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    first = drain([store], until=30)  # some replicates have run
    again = drain([StudyStore(spec_of(), storage)])
    before, after = given(first), given(again)
    assert before
    assert len({**before, **after}) == 12
    assert given([*first, *again]) == {**before, **after}


def test_what_the_dead_had_in_hand_gets_the_same_winner(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    drain([store], until=24)  # the whole search
    had = store.claim("dead", most=20)
    assert had
    assert requeue(store) == len(had)
    again = drain([StudyStore(spec_of(), storage)])
    assert {claim.slot.name for claim in had} <= {claim.slot.name for claim in again}
    given([*had, *again])


def test_a_study_that_grows_keeps_the_winners_of_cells_that_have_replicates(
    storage: BaseStorage,
) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    first = drain([store])
    larger = spec_of(
        data={"sizes": [80, 160, 640]},
        space={"width": [4, 16, 64, 128], "depth": [1, 2], "prune_ratio": [0.0, 0.5]},
        replicates={"draws": 3},
    )
    grown = StudyStore(larger, storage)
    assert grown.prepare() > 0
    more = drain([grown])
    before, after = given(first), given(more)
    assert before.keys() < after.keys()
    assert {cell: after[cell] for cell in before} == before
    assert len(after) == 24


def test_a_small_study_has_the_best_of_each_cell(storage: BaseStorage) -> None:
    spec = small(data={"sizes": [80]}, search={"trials": 2, "winner": "pooled"})
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain([store])
    for cell, values in given(taken).items():
        mine = [c for c in taken if c.slot.phase == "search" and c.slot.cell.name == cell]
        best = min(mine, key=lambda c: error_of(c.slot.cell, c.params, c.slot.seed))
        assert values == {name: best.params[name] for name in NAMES}


def test_a_cell_whose_search_failed_has_no_winner_and_the_others_do(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    without: set[str] = set()
    while (claims := store.claim("w")) is not None:
        for claim in claims:
            slot = claim.slot
            gone = slot.cell.name == "n80-width4-depth1"
            if slot.phase == "replicate" and "learning_rate" not in claim.params:
                without.add(slot.cell.name)
            changes = {"status": "diverged", "metrics": {}} if gone else {}
            params = {"learning_rate": 0.01, "dropout": 0.0, **claim.params}
            error = error_of(slot.cell, params, slot.seed)
            metrics = {"val_error": error, "val_loss": error}
            store.finish(claim.trial_id, made_up(spec, claim, **{"metrics": metrics, **changes}))
    assert without == {"n80-width4-depth1"}


def test_students_have_winners_of_their_own(storage: BaseStorage) -> None:
    spec = spec_of(
        study={"name": "small", "routes": ["train", "distill"]},
        space={
            "width": [4, 16, 64],
            "depth": [1, 2],
            "prune_ratio": [0.0],
            "distill_temperature": {"low": 1.5, "high": 5.0},
            "distill_mixing": 0.9,
        },
        search={"trials": 3, "winner": "pooled"},
    )
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain([store], most=6)
    found = given(taken)
    assert len(found) == 24
    students = [c for c in taken if c.slot.cell.teacher and c.slot.phase == "replicate"]
    assert all(1.5 <= float(c.params["distill_temperature"]) <= 5.0 for c in students)


def test_students_may_be_all_that_is_tuned(storage: BaseStorage) -> None:
    space = dict.fromkeys(NAMES, 0.01)
    spec = spec_of(
        study={"name": "small", "routes": ["train", "distill"]},
        space={"width": [4, 16], "depth": [1], "prune_ratio": [0.0], **space},
        search={"trials": 3, "winner": "pooled"},
    )
    store = StudyStore(spec, storage)
    store.prepare()
    found: dict[str, set[Value]] = defaultdict(set)
    for claim in drain([store]):
        if claim.slot.cell.teacher and claim.slot.phase == "replicate":
            found[claim.slot.cell.name].add(claim.params["distill_temperature"])
    assert len(found) == 4
    assert all(len(values) == 1 for values in found.values())


def test_a_new_key_leaves_old_studies_what_they_are() -> None:
    plain = small(search={"trials": 2}).with_earlier()
    assert plain.digest() == small(search={"trials": 2, "winner": "best"}).digest()
    assert plain.digest() != small(search={"trials": 2, "winner": "pooled"}).digest()


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_every_sampler_can_be_pooled(storage: BaseStorage, sampler: str) -> None:
    spec = spec_of(search={"trials": 2, "winner": "pooled", "sampler": sampler})
    store = StudyStore(spec, storage)
    store.prepare()
    assert len(given(drain([store], most=4))) == 12
