"""The queue: exact totals, one claimant a trial, the dead's trials run again, one result each."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from study.errors import StorageAway, StorageError
from study.places import Places
from study.queue.lean import LeanStorage
from study.queue.opening import open_storage, with_driver
from study.queue.store import Claim, StudyStore
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials.records import failed
from tests.support.waiting import FAR_AWAY

RAW: dict[str, Any] = {
    "study": {"name": "small"},
    "data": {"sizes": [80, 160]},
    "space": {"width": [2, 4], "depth": [1], "prune_ratio": [0.0, 0.5]},
    "search": {"trials": 2},
    "replicates": {"draws": 2},
    "training": {"min_steps": 0},
}
TOTAL = 4 * 2 + 4 * 2 * 2


def spec_of(**changes: Any) -> StudySpec:
    return parse_spec({**RAW, **changes}, base=Path.cwd())


@pytest.fixture(params=["journal", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BaseStorage:
    return open_storage(address(request.param, tmp_path), Places.at(tmp_path))


def address(kind: str, folder: Path) -> str:
    return "" if kind == "journal" else f"sqlite:///{folder}/optuna.db"


def record_of(spec: StudySpec, claim: Claim, **changes: Any) -> TrialRecord:
    base = failed(spec, claim, "")
    error = (claim.slot.seed % 97) / 100
    changes = {"status": "complete", "metrics": {"val_error": error, "val_loss": error}, **changes}
    return dataclasses.replace(base, **changes)


def requeue(store: StudyStore, *alive: str, blame: bool = False) -> int:
    """Put the trials of all but the workers named back; give up as the store asks for."""

    def give_up(trial_id: int, record: TrialRecord) -> None:
        assert store.finish(trial_id, record)

    return store.requeue(store.dead(lambda name: name in alive), blame=blame, give_up=give_up)


@contextlib.contextmanager
def away(folder: Path) -> Iterator[None]:
    """Let SQLite answer nothing about trials meanwhile."""
    rename(folder, "trials", "elsewhere")
    try:
        yield
    finally:
        rename(folder, "elsewhere", "trials")


def rename(folder: Path, old: str, new: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "optuna.db")) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")


def drain(store: StudyStore, spec: StudySpec, worker: str = "w") -> list[Claim]:
    taken: list[Claim] = []
    while (claims := store.claim(worker)) is not None:
        for claim in claims:
            assert store.finish(claim.trial_id, record_of(spec, claim))
        taken += claims
    return taken


def test_the_total_is_exact_and_every_slot_is_run_once(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    assert store.prepare() == TOTAL
    assert store.prepare() == 0
    taken = drain(store, spec)
    assert len(taken) == TOTAL
    assert max(Counter(claim.slot.name for claim in taken).values()) == 1
    counts = store.counts()
    assert (counts.total, counts.complete, counts.waiting, counts.running) == (TOTAL, TOTAL, 0, 0)
    assert len(store.records()) == TOTAL


def test_search_comes_first_and_the_dearest_cell_before_the_others(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain(store, spec)
    phases = [claim.slot.phase for claim in taken]
    assert phases == sorted(phases, reverse=True)
    assert taken[0].slot.cell.name == "n160-width4-depth1"


def test_replicates_take_the_values_of_the_best_search_trial(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain(store, spec)
    for cell in {claim.slot.cell.name for claim in taken}:
        mine = [claim for claim in taken if claim.slot.cell.name == cell]
        best = min(
            (claim for claim in mine if claim.slot.phase == "search"),
            key=lambda claim: (claim.slot.seed % 97, claim.number),
        )
        for claim in mine:
            if claim.slot.phase == "replicate":
                for name in ("learning_rate", "dropout", "weight_decay"):
                    assert claim.params[name] == best.params[name]
    # Optuna knows the values too, so its dashboard shows them.
    study = optuna.load_study(study_name="small/n=80", storage=storage)
    assert all("learning_rate" in trial.params for trial in study.trials)


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
    StudyStore(spec, open_storage(address(kind, tmp_path), places)).prepare()
    taken: list[Claim] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        store = StudyStore(spec, open_storage(address(kind, tmp_path), places))
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
    assert record["slot"] == first[0].slot.name
    assert record["status"] == "failed"
    assert record["reason"] == "its worker died 2 times, the last one was dead-too"
    assert store.counts().failed == 1


def test_a_run_that_is_killed_again_and_again_blames_no_trial(storage: BaseStorage) -> None:
    spec = spec_of(run={"max_attempts": 2})
    store = StudyStore(spec, storage)
    store.prepare()
    for kill in range(5):
        assert store.claim(f"dead{kill}", most=4)
        assert requeue(store) >= 1
    assert len(drain(store, spec)) == TOTAL
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


def unsigned(storage: BaseStorage) -> list[str]:
    """Slots of the trials that run and that nobody signed for."""
    return [
        trial.user_attrs["slot"]
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id)
        if trial.state == TrialState.RUNNING
        and not trial.user_attrs.get("claim", {}).get("worker", "")
    ]


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
    sign, left = store._sign, [2]

    def breaks(slot: str, worker: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StorageAway("away")
        sign(slot, worker)

    store._sign = breaks  # type: ignore[method-assign]
    with pytest.raises(StorageAway):
        store.claim("w", most=4)
    (orphan,) = unsigned(storage)
    store._sign = sign  # type: ignore[method-assign]
    claims = store.claim("w", most=4)
    assert claims
    assert orphan in [claim.slot.name for claim in claims]
    assert len(claims) == 3
    assert unsigned(storage) == []
    # Another time it is taken for dead meanwhile, and somebody else has what it took.
    left[0], store._sign = 1, breaks  # type: ignore[method-assign]
    with pytest.raises(StorageAway):
        store.claim("w", most=4)
    store._sign = sign  # type: ignore[method-assign]
    (orphan,) = unsigned(storage)
    other = StudyStore(spec, storage)
    trial_id = other.id_of(orphan)
    assert trial_id is not None
    other._requeue(trial_id)
    theirs = other.claim("other")
    assert theirs
    assert orphan in [claim.slot.name for claim in theirs]
    mine = store.claim("w", most=4)
    assert mine
    assert orphan not in [claim.slot.name for claim in mine]


def test_a_result_told_twice_counts_once(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    claims = store.claim("w")
    assert claims
    record = record_of(spec, claims[0])
    assert store.finish(claims[0].trial_id, record)
    assert not store.finish(claims[0].trial_id, dataclasses.replace(record, reason="other"))
    assert store.records()[0]["reason"] == ""
    assert store.counts().finished == 1


def test_a_result_that_the_database_never_heard_leaves_its_trial_unfinished(tmp_path: Path) -> None:
    spec = spec_of(search={"trials": 1})
    store = StudyStore(spec, open_storage(address("sqlite", tmp_path), Places.at(tmp_path)))
    store.prepare()
    claims = store.claim("w")
    assert claims
    with away(tmp_path), pytest.raises(StorageError, match="did not answer"):
        store.finish(claims[0].trial_id, record_of(spec, claims[0]))
    # Somebody takes the worker for dead: the trial waits again, and this worker sees it.
    other = StudyStore(spec, open_storage(address("sqlite", tmp_path), Places.at(tmp_path)))
    assert requeue(other) == 1
    assert claims[0].slot in [claim.slot for claim in drain(store, spec)]
    assert store.counts().finished == store.counts().total


def test_diverged_trials_fail_and_never_win(storage: BaseStorage) -> None:
    spec = spec_of(data={"sizes": [80]}, space={"width": [2], "depth": [1]})
    store = StudyStore(spec, storage)
    store.prepare()
    bad = store.claim("w")
    assert bad
    store.finish(bad[0].trial_id, record_of(spec, bad[0], status="diverged", metrics={}))
    good = store.claim("w")
    assert good
    store.finish(good[0].trial_id, record_of(spec, good[0], metrics={"val_error": 0.9}))
    replicate = store.claim("w")
    assert replicate
    assert replicate[0].params["learning_rate"] == good[0].params["learning_rate"]
    assert store.counts().failed == 1


def test_optunas_own_sampler_fills_in_the_nuisance_values(storage: BaseStorage) -> None:
    spec = spec_of(search={"trials": 3, "sampler": "tpe"})
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain(store, spec)
    searches = [claim for claim in taken if claim.slot.phase == "search"]
    rates = {claim.params["learning_rate"] for claim in searches}
    assert len(rates) == len(searches)
    for claim in searches:
        assert all(a.domain.contains(claim.params[a.name]) for a in spec.space.nuisance)
        assert claim.params["width"] == claim.slot.cell.capacity["width"]


def test_a_changed_study_is_refused_and_what_differs_is_shown(storage: BaseStorage) -> None:
    StudyStore(spec_of(), storage).prepare()
    changed = spec_of(training={"epochs": 31}, search={"trials": 3})
    with pytest.raises(StorageError) as caught:
        StudyStore(changed, storage).prepare()
    assert "search.trials: 2 -> 3; training.epochs: 30 -> 31; training.min_steps: 0 -> 400" in str(
        caught.value
    )
    assert "new name" in str(caught.value)


def test_a_study_may_grow_and_shrink_and_keeps_its_trials(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    drain(store, spec)
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
    drain(grown, larger)
    assert grown.counts().complete == total
    again = StudyStore(spec, storage)
    assert again.prepare() == 0
    assert len(again.records()) == TOTAL
    assert again.claim("w") is None
    assert again.n_unused() == total - TOTAL
    assert grown.n_unused() == 0


def test_a_study_grows_unless_others_would_teach_its_students(storage: BaseStorage) -> None:
    trained: dict[str, Any] = {"routes": ["train", "prune"], "name": "small"}
    taught: dict[str, Any] = {"routes": ["train", "prune", "distill"], "name": "small"}
    wider: dict[str, Any] = {"width": [2, 4, 8], "depth": [1]}
    narrower: dict[str, Any] = {"width": [2], "depth": [1]}
    StudyStore(spec_of(study=trained), storage).prepare()
    before = spec_of(study=trained, space=wider)
    StudyStore(before, storage).prepare()  # nobody is taught yet
    spec = spec_of(study=taught, space=wider)
    assert spec.digest() == before.digest()
    assert StudyStore(spec, storage).prepare() > 0
    assert StudyStore(spec, storage).prepare() == 0
    more = spec_of(study=taught, space=wider, data={"sizes": [80, 160, 320]},
                   replicates={"draws": 3})  # fmt: skip
    assert StudyStore(more, storage).prepare() > 0
    for space, change in (
        ({"width": [2, 4, 8, 16], "depth": [1]}, r"\(\+width16-depth1\)"),
        (narrower, r"\(-width4-depth1, -width8-depth1\)"),
    ):
        other = spec_of(study=taught, space=space)
        assert other.digest() == spec.digest()
        with pytest.raises(StorageError, match=f"has students of the best .* {change}; undo"):
            StudyStore(other, storage).prepare()
        with pytest.raises(StorageError, match="has students of the best"):
            StudyStore(other, storage).check_unchanged()
    # Whom a named network teaches, it teaches on.
    named = spec_of(
        study=taught,
        space={"width": [2, 4, 8, 16], "depth": [1]},
        distillation={"teachers": ["width8-depth1"]},
    )
    assert StudyStore(named, storage).prepare() > 0


def test_changed_data_or_code_is_refused_and_named(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    seen = {"data": "aa", "training.function mine.py": "bb"}
    store.prepare(seen)
    assert store.prepare(seen) == 0
    with pytest.raises(StorageError, match=r"other training.function mine.py \(the content"):
        store.prepare({**seen, "training.function mine.py": "cc"})
    with pytest.raises(StorageError, match=r"other data \(the content differs\); undo"):
        store.prepare({**seen, "data": "cc"})


def test_the_storage_of_another_optuna_is_refused(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    study_id = storage.get_study_id_from_name("small/n=80")
    storage.set_study_user_attr(study_id, "payoff.optuna_version", "4.9.0")
    with pytest.raises(StorageError, match=r"stored by Optuna 4\.9\.0, this is .*optuna==4\.9\.0"):
        store.check_unchanged()


def test_a_file_that_is_no_journal_is_a_clear_error(tmp_path: Path) -> None:
    places = Places.at(tmp_path)
    places.optuna_journal.write_text('{"op_code": 99, "worker_id": "x"}\n')
    with pytest.raises(StorageError, match="is not a journal that Optuna"):
        open_storage("", places)


def test_an_address_that_leads_nowhere_is_shown_without_its_password() -> None:
    with pytest.raises(StorageError) as caught:
        open_storage("nosuch://me:sesame@host/db", Places.at("/nowhere"))
    assert "sesame" not in str(caught.value)
    assert "must be an address" in str(caught.value)


def test_a_proxy_that_does_not_answer_is_shown_without_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("study.queue.opening.CONNECT_SECONDS", 0.3)
    with pytest.raises(StorageAway, match="no proxy answers at grpc://me") as caught:
        open_storage("grpc://me:sesame@127.0.0.1:1", Places.at("/nowhere"))
    assert "sesame" not in str(caught.value)


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
    assert len(drain(store, spec)) == TOTAL


@pytest.mark.parametrize("wrong", ["postgres//db/x", "htp://host", "foo://host/name", "grpc:/x"])
def test_what_is_no_address_is_answered_with_one(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"must be an address, got .*; write postgresql://USER"):
        open_storage(wrong, Places.at(tmp_path))


def test_the_short_name_of_postgresql_is_understood(tmp_path: Path) -> None:
    assert with_driver("postgres://u@h/d") == with_driver("postgresql://u@h/d")
    with pytest.raises(StorageAway, match="does not answer") as caught:
        open_storage("postgres://u:secret@127.0.0.1:1/d", Places.at(tmp_path))
    assert "secret" not in str(caught.value)


def test_a_database_that_goes_away_is_one_line(tmp_path: Path) -> None:
    spec = spec_of()
    store = StudyStore(spec, open_storage(address("sqlite", tmp_path), Places.at(tmp_path)))
    store.prepare()
    (tmp_path / "optuna.db").write_bytes(b"spoiled" * 1000)
    with pytest.raises(StorageError, match=r"the database did not answer .*start the study again"):
        store.claim("w")


def test_bulk_reading_and_queueing_give_what_optunas_own_give(tmp_path: Path) -> None:
    spec = spec_of(search={"trials": 3, "sampler": "tpe"})
    lean = open_storage(address("sqlite", tmp_path), Places.at(tmp_path))
    store = StudyStore(spec, lean)
    store.prepare()
    drain(store, spec)
    assert isinstance(lean, LeanStorage)
    for n_examples in spec.sizes:
        study_id = lean.get_study_id_from_name(f"small/n={n_examples}")
        template = store._template(next(iter(store._slots.values())))
        lean.create_new_trial(study_id, template)
        lean.create_many(study_id, [template])
        plain = lean._backend.get_all_trials(study_id)
        assert lean.get_all_trials(study_id) == plain
        ours, theirs = plain[-1], plain[-2]
        assert ours.number == theirs.number + 1
        assert (ours.params, ours.distributions, ours.user_attrs, ours.state) == (
            theirs.params,
            theirs.distributions,
            theirs.user_attrs,
            theirs.state,
        )
