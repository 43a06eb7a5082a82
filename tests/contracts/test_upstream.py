"""Where another Optuna differs in what it does not promise, studies take the public way.

Other versions of its modules are made from their source, with names or lines exchanged.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from sqlalchemy import Column, Integer, MetaData, Table

from study.places import Places
from study.queue import journal, lean, upstream
from study.queue.filling import TakesMany
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from tests.support.queues import TOTAL, drain, record_of, requeue, spec_of
from tests.support.waiting import FAR_AWAY

CACHE = "optuna.storages._cached_storage"
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.database)]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Return what the log of this process says of Optuna, from now on."""
    upstream.go_public.cache_clear()
    journal._is_known.cache_clear()
    caplog.set_level(logging.INFO, upstream.log.name)
    yield lambda: [one.getMessage() for one in caplog.records if one.name == upstream.log.name]
    journal._is_known.cache_clear()


def other(patch: pytest.MonkeyPatch, name: str, old: str, new: str) -> ModuleType:
    """Put another version of a module in its place."""
    source = inspect.getsource(importlib.import_module(name))
    assert old in source
    module = ModuleType(name)
    patch.setitem(sys.modules, name, module)
    exec(compile(source.replace(old, new), name, "exec"), vars(module))
    return module


def another_cache(old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    def change(patch: pytest.MonkeyPatch) -> None:
        module = other(patch, CACHE, old, new)
        patch.setattr("optuna.storages._CachedStorage", module._CachedStorage)

    return change


def another_table(patch: pytest.MonkeyPatch) -> None:
    from optuna.storages._rdb.models import TrialParamModel

    table = Table("trial_params", MetaData(), Column("param_id", Integer), Column("new", Integer))
    patch.setattr(TrialParamModel, "__table__", table)


def no_cache(patch: pytest.MonkeyPatch) -> None:
    patch.delattr("optuna.storages._CachedStorage")
    patch.delattr("optuna.storages.get_storage")


def a_cache_of_named_studies(patch: pytest.MonkeyPatch) -> None:
    another_cache("_StudyInfo()", "_StudyInfo(study_id)")(patch)
    module = sys.modules[CACHE]

    class Info(module._StudyInfo):  # type: ignore[name-defined,misc]
        def __init__(self, study_id: int) -> None:
            super().__init__()

    patch.setattr(module, "_StudyInfo", Info)


def another_trial(patch: pytest.MonkeyPatch) -> None:
    real = FrozenTrial.__init__

    def made(self: FrozenTrial, *fields: Any, **named: Any) -> None:
        real(self, *fields, **named)

    patch.setattr(FrozenTrial, "__init__", made)


CHANGES = {
    "missing 1 required positional argument: 'study_id'": a_cache_of_named_studies,
    "FrozenTrial.__init__ takes (self, fields, named)": another_trial,
    "cannot import name '_StudyInfo'": another_cache("_StudyInfo", "_Known"),
    "cannot import name '_CachedStorage'": no_cache,
    "_CachedStorage has no _read_trials_from_remote_storage": another_cache(
        "_read_trials_from_remote_storage", "_sync"
    ),
    "_CachedStorage._add_trials_to_cache takes (self, study_id, found)": another_cache(
        "_add_trials_to_cache(self, study_id: int, trials: list[FrozenTrial]) -> None:",
        "_add_trials_to_cache(self, study_id: int, found: Any) -> None:\n        trials = found",
    ),
    "the cache is filled elsewhere": another_cache(
        "        self._read_trials_from_remote_storage(study_id)\n",
        "        getattr(self, '_read_trials_' + 'from_remote_storage')(study_id)\n",
    ),
    "the cache is kept in other fields": another_cache("unfinished_trial_ids", "open_trial_ids"),
    "the table TrialParamModel has other columns": another_table,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("differs", CHANGES)
def test_a_database_is_read_through_optunas_own_cache(
    differs: str,
    kind: str,
    new_address: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
) -> None:
    address = new_address(kind)
    CHANGES[differs](monkeypatch)
    monkeypatch.delitem(sys.modules, lean.__name__)
    run_with_a_death(lambda: open_storage(address, Places.at(tmp_path)))
    (line,) = said()
    assert line.startswith("the database is read through Optuna's own cache: ")
    assert differs in line
    assert not isinstance(open_storage(address, Places.at(tmp_path)), TakesMany)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATABASES)
def test_a_database_whose_columns_mean_something_else_is_left_to_optuna(
    kind: str,
    new_address: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
) -> None:
    address = new_address(kind)
    store = StudyStore(spec_of(), open_storage(address, Places.at(tmp_path)))
    store.prepare()
    claims = store.claim("w")
    assert claims
    assert store.finish(claims[0].trial_id, record_of(store.spec, claims[0]))
    assert isinstance(open_storage(address, Places.at(tmp_path)), TakesMany)
    assert said() == []
    real = RDBStorage.get_trial

    def later(self: RDBStorage, trial_id: int) -> FrozenTrial:
        trial = real(self, trial_id)
        if trial.datetime_start is not None:
            trial.datetime_start += timedelta(hours=1)
        return trial

    monkeypatch.setattr(RDBStorage, "get_trial", later)
    again = StudyStore(spec_of(), open_storage(address, Places.at(tmp_path)))
    assert len(drain(again)) == TOTAL - 1
    assert again.counts().complete == TOTAL
    (line,) = said()
    assert "a trial reads otherwise than Optuna reads it" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ('separators=(",", ":")', 'separators=(", ", ": ")', "Optuna writes other lines"),
        ("lock_obj", "lock", "JournalFileBackend.__init__ takes (self, file_path, lock)"),
    ],
)
def test_a_journal_with_other_lines_or_locks_is_written_by_optuna(
    old: str,
    new: str,
    differs: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
) -> None:
    changed = other(monkeypatch, "optuna.storages.journal._file", old, new)
    for name in ("__init__", "append_logs"):
        method = getattr(changed.JournalFileBackend, name)
        monkeypatch.setattr(JournalFileBackend, name, method)
    run_with_a_death(lambda: open_storage("", Places.at(tmp_path)))
    (line,) = said()
    assert line.startswith(f"the journal is written and locked by Optuna: {differs}")
    assert ('"op_code": ' in Places.at(tmp_path).optuna_journal.read_text()) == ("lines" in differs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["journal", *DATABASES])
def test_trials_that_do_not_tell_their_ids_are_asked_for_by_number(
    kind: str,
    new_address: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
) -> None:
    address = new_address(kind)

    def told(trial: FrozenTrial) -> int:
        if sys._getframe(1).f_globals["__name__"].startswith("study."):
            raise AttributeError("_trial_id")
        return int(vars(trial)["_id"])

    def note(trial: FrozenTrial, trial_id: int) -> None:
        vars(trial)["_id"] = trial_id

    monkeypatch.setattr(FrozenTrial, "_trial_id", property(told, note), raising=False)
    run_with_a_death(lambda: open_storage(address, Places.at(tmp_path)))
    *cache, ids = said()
    assert ids.startswith("the storage is asked for each trial's id: ")
    assert len(cache) == (kind != "journal")
    assert all("own cache: a trial does not tell its id" in line for line in cache)


@pytest.mark.parametrize("kind", ["journal", *DATABASES])
def test_the_sampler_is_asked_in_a_copy_where_trials_are_made_otherwise(
    kind: str,
    new_address: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
) -> None:
    class Trial(optuna.trial.Trial):
        def __init__(self, study: optuna.Study, trial_id: int, more: object = None) -> None:
            super().__init__(study, trial_id)

    monkeypatch.setattr("optuna.trial.Trial", Trial)
    spec = spec_of(search={"trials": 3, "sampler": "tpe"})
    store = StudyStore(spec, open_storage(new_address(kind), Places.at(tmp_path)))
    store.prepare()
    taken = drain(store)
    assert store.counts().complete == store.counts().total == len(taken)
    searches = [claim for claim in taken if claim.slot.phase == "search"]
    assert len({claim.params["learning_rate"] for claim in searches}) == len(searches) == 12
    for claim in searches:
        assert all(axis.domain.contains(claim.params[axis.name]) for axis in spec.space.nuisance)
        assert claim.params["width"] == claim.slot.cell.capacity["width"]
        stored = store.storage.get_trial(claim.trial_id).params
        assert stored["learning_rate"] == claim.params["learning_rate"]
    (line,) = said()
    assert line.startswith("the sampler is asked in a copy of the study: Trial.__init__ takes")


def run_with_a_death(opened: Callable[[], BaseStorage]) -> None:
    """Run a small study with three workers and one that died; each trial must count once."""
    spec = spec_of()
    first = StudyStore(spec, opened())
    assert (first.prepare(), first.prepare()) == (TOTAL, 0)
    lost = first.claim("dead", most=3)
    assert lost
    taken: list[str] = []
    lock = threading.Lock()

    def work(store: StudyStore, name: str) -> None:
        while (claims := store.claim(name, most=3)) is not None:
            for claim in claims:
                assert store.finish(claim.trial_id, record_of(spec, claim))
            with lock:
                taken.extend(claim.slot.name for claim in claims)

    assert requeue(first, "w0", "w1", "w2", blame=True) == len(lost)
    stores: Sequence[StudyStore] = [StudyStore(spec, opened()) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work, one, f"w{k}") for k, one in enumerate(stores)]:
            future.result(timeout=FAR_AWAY)
    assert set(Counter(taken).values()) == {1}
    counts = StudyStore(spec, opened()).counts()
    assert (len(taken), counts.total, counts.complete) == (TOTAL, TOTAL, TOTAL)
