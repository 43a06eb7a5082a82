"""Optuna's cached database storage, with a reading that does not grow with the queue.

Optuna's own cache keeps finished trials, and reads every unfinished one again, whole, each time:
in a study of 20,000 queued trials that is 20,000 trials with all their attributes for each look.
Here the states alone are read first, in one narrow query, and only what changed is read whole. A
trial that waits and has not been started since it was last read has nothing new to say.

Optuna reads trials through an object layer that takes five times as long as plain queries, and
creates one at a time, counting all earlier ones for its number. Here many are read by one query a
table, and the same rows are written, many at a time, in one transaction.

All of this builds on what is private to Optuna: only :mod:`study.queue.databases` imports it, and
does without where that is not there or not as it is known here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage, _CachedStorage
from optuna.storages._cached_storage import _StudyInfo
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, Engine, insert, select

from study.queue.upstream import expect, expect_arguments

COLUMNS = {
    "StudyModel": {"study_id", "study_name"},
    "TrialModel": {
        "trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete"
    },
    "TrialParamModel": {"param_id", "trial_id", "param_name", "param_value", "distribution_json"},
    "TrialValueModel": {"trial_value_id", "trial_id", "objective", "value", "value_type"},
    "TrialIntermediateValueModel": {
        "trial_intermediate_value_id", "trial_id", "step", "intermediate_value",
        "intermediate_value_type",
    },
    "TrialUserAttributeModel": {"trial_user_attribute_id", "trial_id", "key", "value_json"},
    "TrialSystemAttributeModel": {"trial_system_attribute_id", "trial_id", "key", "value_json"},
}  # fmt: skip
"""Optuna's classes of the tables that are read or written here, with their columns."""

FROZEN = (
    "self", "number", "state", "value", "datetime_start", "datetime_complete", "params",
    "distributions", "user_attrs", "system_attrs", "intermediate_values", "trial_id", "values",
)  # fmt: skip
"""What Optuna makes a trial of."""

CHUNK = 500
"""Trials read whole, or written, in one statement: databases bound the number of variables."""

ATTEMPTS = 3
"""Looks at a trial that reads otherwise in two ways: somebody may have changed it in between."""


def _check_tables(backend: RDBStorage) -> None:
    """Raise Unlike unless the tables are as they are known here.

    What the columns mean is tried on a trial of the database, if there is any: it must read as
    Optuna reads it.
    """
    expect(isinstance(getattr(backend, "engine", None), Engine), "a storage has no engine")
    for name, columns in COLUMNS.items():
        table = getattr(getattr(models, name, None), "__table__", None)
        expect(table is not None, f"there is no table {name}")
        expect(set(_table(name).c.keys()) == columns, f"the table {name} has other columns")
    for name, function in (
        ("TrialValueModel", "stored_repr_to_value"),
        ("TrialIntermediateValueModel", "stored_repr_to_intermediate_value"),
    ):
        expect_arguments(getattr(models, name), function, "value", "float_type")
    expect_arguments(FrozenTrial, "__init__", *FROZEN)
    expect(
        hasattr(create_trial(state=TrialState.WAITING), "_trial_id"), "a trial does not tell its id"
    )
    for _ in range(ATTEMPTS):
        with backend.engine.connect() as connection:
            trial_id = _one_trial(connection)
            ours = _read(connection, {trial_id}) if trial_id is not None else []
        if trial_id is None or list(map(_told, ours)) == [_told(backend.get_trial(trial_id))]:
            return
    expect(False, "a trial reads otherwise than Optuna reads it")


def _told(trial: FrozenTrial) -> str:
    """Return all that a trial says, as text, in which one NaN is like another."""
    return repr(
        [sorted(one.items()) if isinstance(one, dict) else one for one in vars(trial).values()]
    )


def _one_trial(connection: Connection) -> int | None:
    """Return the id of a trial that says as much as any: a finished one if there is one."""
    table = _table("TrialModel")
    ids = select(table.c.trial_id).order_by(table.c.trial_id.desc()).limit(1)
    complete = ids.where(table.c.state == TrialState.COMPLETE)
    found = connection.execute(complete).scalar()
    return found if found is not None else connection.execute(ids).scalar()


def _states(
    connection: Connection, study_id: int, after: int
) -> dict[int, tuple[TrialState, datetime | None]]:
    """Return, by trial id, state and start of unfinished trials and of all those after an id."""
    table = _table("TrialModel")
    rows = connection.execute(
        select(table.c.trial_id, table.c.state, table.c.datetime_start).where(
            table.c.study_id == study_id,
            table.c.state.in_((TrialState.WAITING, TrialState.RUNNING))
            | (table.c.trial_id > after),
        )
    )
    return {int(row[0]): (row[1], row[2]) for row in rows}


def _read(connection: Connection, trial_ids: set[int]) -> list[FrozenTrial]:
    """Read trials as Optuna would, by one plain query a table."""
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    shapes: dict[int, dict[str, BaseDistribution]] = defaultdict(dict)
    for row in _rows(connection, "TrialParamModel", trial_ids, "param_id"):
        shape = _distribution(row.distribution_json)
        params[row.trial_id][row.param_name] = shape.to_external_repr(row.param_value)
        shapes[row.trial_id][row.param_name] = shape
    values: dict[int, list[float]] = defaultdict(list)
    value = models.TrialValueModel.stored_repr_to_value
    for row in _rows(connection, "TrialValueModel", trial_ids, "objective"):
        values[row.trial_id].append(value(row.value, row.value_type))
    steps: dict[int, dict[int, float]] = defaultdict(dict)
    step = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
    for row in _rows(connection, "TrialIntermediateValueModel", trial_ids, "step"):
        steps[row.trial_id][row.step] = step(row.intermediate_value, row.intermediate_value_type)
    user = _attributes(connection, "TrialUserAttributeModel", trial_ids)
    system = _attributes(connection, "TrialSystemAttributeModel", trial_ids)
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=values.get(row.trial_id),
            datetime_start=_local(row.datetime_start),
            datetime_complete=_local(row.datetime_complete),
            params=params[row.trial_id],
            distributions=shapes[row.trial_id],
            user_attrs=user[row.trial_id],
            system_attrs=system[row.trial_id],
            intermediate_values=steps[row.trial_id],
            trial_id=row.trial_id,
        )
        for row in _rows(connection, "TrialModel", trial_ids, "trial_id")
    ]


def _table(name: str) -> Any:
    return getattr(models, name).__table__


def _rows(connection: Connection, name: str, trial_ids: set[int], order: str) -> Iterable[Any]:
    table = _table(name)
    return connection.execute(
        select(table).where(table.c.trial_id.in_(trial_ids)).order_by(table.c[order])
    )


def _attributes(
    connection: Connection, name: str, trial_ids: set[int]
) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in _rows(connection, name, trial_ids, "key"):
        found[row.trial_id][row.key] = json.loads(row.value_json)
    return found


def _slots(connection: Connection, study_id: int) -> set[Any]:
    """Return the slots of all trials of a study."""
    trials, attributes = _table("TrialModel"), _table("TrialUserAttributeModel")
    found = connection.execute(
        select(attributes.c.value_json)
        .join(trials, trials.c.trial_id == attributes.c.trial_id)
        .where(trials.c.study_id == study_id, attributes.c.key == "slot")
    ).scalars()
    return {json.loads(text) for text in found}


@lru_cache(maxsize=1024)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(moment: datetime | None) -> datetime | None:
    """Turn the naive UTC of the database into Optuna's naive local time."""
    return moment and moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


class LeanStorage(_CachedStorage):
    """Optuna's cache over a database, read and filled in bulk.

    :class:`~study.queue.upstream.Unlike` if what is private to Optuna is not as it is known here.
    """

    def __init__(self, backend: RDBStorage) -> None:
        _check_tables(backend)
        expect_arguments(_CachedStorage, "__init__", "self", "backend")
        super().__init__(backend)
        self._check()
        self._looked: dict[int, tuple[TrialState, datetime | None]] = {}
        """State and start of each unfinished trial when it was last read whole."""

    def _check(self) -> None:
        """Raise Unlike unless the cache keeps what it is asked for where it is expected."""
        cache, info = _CachedStorage, _StudyInfo()
        reads = "_read_trials_from_remote_storage"
        expect_arguments(cache, reads, "self", "study_id")
        expect_arguments(cache, "_add_trials_to_cache", "self", "study_id", "trials")
        expect(reads in cache.get_all_trials.__code__.co_names, "the cache is filled elsewhere")
        expect(
            {"_backend", "_lock", "_studies"} <= vars(self).keys()
            and vars(info).get("unfinished_trial_ids") == set()
            and vars(info).get("last_finished_trial_id") == -1,
            "the cache is kept in other fields",
        )

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        with self._lock:
            study = self._studies.setdefault(study_id, _StudyInfo())
            with self._backend.engine.connect() as connection:
                found = _states(connection, study_id, study.last_finished_trial_id)
            changed = study.unfinished_trial_ids - found.keys()  # finished, or gone
            for trial_id, now in found.items():
                if now[0] != TrialState.WAITING or self._looked.get(trial_id) != now:
                    changed.add(trial_id)
            self._read_whole(study_id, sorted(changed), found)
            study.last_finished_trial_id = max(
                (study.last_finished_trial_id, *(i for i, s in found.items() if s[0].is_finished()))
            )

    def _read_whole(
        self,
        study_id: int,
        trial_ids: Sequence[int],
        found: Mapping[int, tuple[TrialState, datetime | None]],
    ) -> None:
        """Read trials with all that belongs to them into the cache."""
        study = self._studies[study_id]
        for start in range(0, len(trial_ids), CHUNK):
            wanted = set(trial_ids[start : start + CHUNK])
            with self._backend.engine.connect() as connection:
                trials = _read(connection, wanted)
            self._add_trials_to_cache(study_id, trials)
            for trial in trials:
                if trial.state.is_finished():
                    study.unfinished_trial_ids.discard(trial._trial_id)
                    self._looked.pop(trial._trial_id, None)
                else:
                    study.unfinished_trial_ids.add(trial._trial_id)
                    if trial._trial_id in found:
                        self._looked[trial._trial_id] = found[trial._trial_id]

    def create_many(self, study_id: int, templates: Sequence[FrozenTrial]) -> int:
        """Queue waiting trials, with the rows that Optuna's ``create_new_trial`` would write.

        The study's row is locked meanwhile, as Optuna does, so that trial numbers stay unique. A
        template whose slot a trial of the study has already is left out, whoever queued it, up to
        the moment of the lock. Returns how many were queued.
        """
        trials, studies = _table("TrialModel"), _table("StudyModel")
        with self._backend.engine.begin() as connection:
            connection.execute(
                select(studies.c.study_id).where(studies.c.study_id == study_id).with_for_update()
            )
            numbers = select(trials.c.number).where(trials.c.study_id == study_id)
            first = max(connection.execute(numbers).scalars(), default=-1) + 1
            there = _slots(connection, study_id)
            missing = [one for one in templates if one.user_attrs["slot"] not in there]
            for start in range(0, len(missing), CHUNK):
                part = dict(enumerate(missing[start : start + CHUNK], first + start))
                _write(connection, study_id, part)
            return len(missing)


def _write(connection: Connection, study_id: int, part: Mapping[int, FrozenTrial]) -> None:
    """Add trials, by number, higher than all that are there, with what belongs to them."""
    trials = _table("TrialModel")
    rows = [
        {"study_id": study_id, "number": number, "state": one.state} for number, one in part.items()
    ]
    connection.execute(insert(trials), rows)
    known = connection.execute(
        select(trials.c.trial_id, trials.c.number).where(
            trials.c.study_id == study_id, trials.c.number >= min(part)
        )
    )
    params, attributes = [], []
    for trial_id, number in known:
        one = part[number]
        params += [
            {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": shape.to_internal_repr(one.params[name]),
                "distribution_json": distribution_to_json(shape),
            }
            for name, shape in one.distributions.items()
        ]
        attributes += [
            {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
            for key, value in one.user_attrs.items()
        ]
    for name, some in (("TrialParamModel", params), ("TrialUserAttributeModel", attributes)):
        if some:
            connection.execute(insert(_table(name)), some)
