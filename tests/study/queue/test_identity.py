"""A study that goes on is the one that was started."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.storages import BaseStorage

from study.errors import StorageError
from study.queue.store import StudyStore
from tests.support.queues import spec_of


def test_a_changed_study_is_refused_and_what_differs_is_shown(storage: BaseStorage) -> None:
    StudyStore(spec_of(), storage).prepare()
    changed = spec_of(training={"epochs": 31}, search={"trials": 3})
    with pytest.raises(StorageError) as caught:
        StudyStore(changed, storage).prepare()
    assert "search.trials: 2 -> 3; training.epochs: 30 -> 31; training.min_steps: 0 -> 400" in str(
        caught.value
    )
    assert "new name" in str(caught.value)


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


def test_a_study_from_before_test_sets_could_rotate_goes_on_with_its_fixed_one(
    storage: BaseStorage,
) -> None:
    fixed = spec_of(data={"sizes": [80], "test_sets": "fixed"})
    assert "test_sets" not in fixed.semantics()["data"]  # as every study was stored then
    StudyStore(fixed, storage).prepare()
    today = spec_of(data={"sizes": [80]})
    assert today.rotates and today.digest() != fixed.digest()
    store = StudyStore(today, storage)
    assert store.spec.data.test_sets == "fixed"
    assert (store.digest, store.prepare()) == (fixed.digest(), 0)
    larger = StudyStore(spec_of(data={"sizes": [80, 160]}), storage)
    assert larger.prepare() > 0
    assert larger.spec.data.test_sets == "fixed"
    asked = spec_of(data={"sizes": [80], "test_sets": "rotate"})
    with pytest.raises(StorageError, match=r'\(data.test_sets: "fixed" -> "rotate"\); undo'):
        StudyStore(asked, storage).prepare()
    changed = spec_of(data={"sizes": [80]}, search={"trials": 3})
    with pytest.raises(StorageError, match=r"\(search.trials: 2 -> 3\); undo"):
        StudyStore(changed, storage).prepare()
    # Another study beside it is a new one.
    beside = StudyStore(spec_of(study={"name": "other"}, data={"sizes": [80]}), storage)
    assert beside.prepare() > 0
    assert beside.spec.rotates


def test_a_study_whose_test_sets_rotate_is_not_gone_on_with_on_a_fixed_one(
    storage: BaseStorage,
) -> None:
    StudyStore(spec_of(), storage).prepare()
    assert StudyStore(spec_of(), storage).prepare() == 0
    for words, wrong in (("rotate", False), ("fixed", True)):
        store = StudyStore(spec_of(data={"sizes": [80, 160], "test_sets": words}), storage)
        if not wrong:
            assert store.prepare() == 0
            continue
        with pytest.raises(StorageError, match=r'data.test_sets: "rotate" -> "fixed"'):
            store.prepare()


def test_a_study_from_before_winners_were_pooled_goes_on_as_it_began(storage: BaseStorage) -> None:
    then: dict[str, Any] = {"search": {"winner": "best", "trials": 5}, "replicates": {"draws": 5}}
    left_out: dict[str, Any] = {"search": {}, "replicates": {}}
    old = spec_of(**then)
    assert "winner" not in old.semantics()["search"]  # as every study was stored then
    StudyStore(old, storage).prepare()
    store = StudyStore(spec_of(**left_out), storage)
    assert (store.spec.search, store.spec.replicates) == (old.search, old.replicates)
    assert (store.digest, store.prepare()) == (old.digest(), 0)
    changed = spec_of(**left_out, training={"epochs": 31})
    with pytest.raises(StorageError, match=r"\(training.epochs: 30 -> 31[^:]*: \S+ -> 400\); undo"):
        StudyStore(changed, storage).prepare()
    asked = spec_of(search={"winner": "pooled", "trials": 5}, replicates={"draws": 5})
    with pytest.raises(StorageError, match=r'\(search.winner: "best" -> "pooled"\); undo'):
        StudyStore(asked, storage).prepare()
    # Another study beside it is a new one.
    beside = StudyStore(spec_of(**left_out, study={"name": "other"}), storage)
    assert beside.prepare() > 0
    assert beside.spec.search.winner == "pooled"
