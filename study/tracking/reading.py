"""Reading the runs of an MLflow experiment, whoever logged them, and learning curves of trials.

Loading MLflow and opening its store takes seconds, and a report reads some dozen curves: these are
read from MLflow's own SQLite file by three plain queries. Where its tables are not as known
(:mod:`study.tracking.rows`), or it holds no such experiment, MLflow is asked, which knows its other
versions and says what is wrong.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import nearest
from study.errors import StorageError
from study.places import sqlite_file
from study.redaction import redact
from study.tracking.client import StoreAway, connect, experiments_of, explain, runs_of
from study.tracking.rows import Unfamiliar, open_tables

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

NAMED_AT_MOST = 10
"""Experiments that a message lists."""


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """One run as the store holds it."""

    run_id: str
    name: str
    status: str
    """RUNNING, SCHEDULED, FINISHED, FAILED or KILLED."""
    start_ms: int | None
    end_ms: int | None
    params: dict[str, str]
    metrics: dict[str, float]
    """The last value of each."""
    tags: dict[str, str]


@contextmanager
def asking(address: str, experiment: str) -> Iterator[tuple[MlflowClient, str]]:
    """Ask a store that must be there, with the number of an experiment that must be in it.

    What the store raises becomes one line, with no password in it.
    """
    try:
        client = connect(address)
        yield client, _number_of(client, redact(address), experiment)
    except StorageError:
        raise
    except Exception as error:
        known = explain(error, address)
        if isinstance(known, StoreAway):
            reason = str(known).partition("; ")[0]
            raise StorageError(
                f"{reason}; see that it runs and that the address is right"
            ) from None
        if known is None:
            raise
        raise known from None


def read_runs(address: str, experiment: str = "") -> tuple[LoggedRun, ...]:
    """Return all runs of an experiment that were not deleted, in the order of their start.

    Its name may be empty where the store holds only one that has runs.
    """
    with asking(address, experiment) as (client, number):
        found = runs_of(client, number, order=["attributes.start_time ASC"])
        return tuple(
            LoggedRun(
                run_id=run.info.run_id,
                name=run.info.run_name or "",
                status=run.info.status,
                start_ms=run.info.start_time,
                end_ms=run.info.end_time,
                params=dict(run.data.params),
                metrics=dict(run.data.metrics),
                tags=dict(run.data.tags),
            )
            for run in found
        )


def _number_of(client: MlflowClient, shown: str, name: str) -> str:
    """Return the number of an experiment; of the one that has runs where no name is given."""
    found = {one.name: str(one.experiment_id) for one in experiments_of(client)}
    if name in found:
        return found[name]
    names = ", ".join(list(found)[:NAMED_AT_MOST]) + (", ..." if len(found) > NAMED_AT_MOST else "")
    if name:
        raise StorageError(
            f"MLflow at {shown}: there is no experiment {name!r}{nearest(name, found)} "
            f"(it has: {names})"
        )
    used = [number for number in found.values() if client.search_runs([number], max_results=1)]
    if len(used) == 1:
        return used[0]
    what = "several experiments have runs" if used else "no experiment has runs"
    raise StorageError(f"MLflow at {shown}: {what}; name one as #EXPERIMENT (it has: {names})")


Curves = dict[str, dict[str, tuple[tuple[int, float], ...]]]
"""Slot -> curve name -> (step, value) points."""

_EXPERIMENT = "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'"
_RUNS = """
SELECT tags.value, runs.run_uuid FROM tags JOIN runs ON runs.run_uuid = tags.run_uuid
WHERE tags.key = 'slot' AND runs.experiment_id = ? AND runs.status = 'FINISHED'
  AND runs.lifecycle_stage = 'active'
ORDER BY runs.start_time, runs.run_uuid DESC
"""
"""The last of a slot is the one that MLflow lists first."""
_POINTS = "SELECT step, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step"


def read_curves(
    address: str, experiment: str, slots: Sequence[str], names: Sequence[str]
) -> Curves:
    """Return a learning curve of each trial that has any: the first of the names that it has."""
    file = sqlite_file(address)
    if file is not None:
        try:
            return curves_of_file(file, experiment, slots, names)
        except Unfamiliar as reason:
            log.warning("MLflow's client reads the learning curves: %s", reason)
    return curves_by_client(address, experiment, slots, names)


def curves_of_file(
    file: Path, experiment: str, slots: Sequence[str], names: Sequence[str]
) -> Curves:
    """Read the curves from a tracking store's file; Unfamiliar if it is not as known."""
    try:
        with closing(open_tables(file, write=False)) as store:
            numbers = store.execute(_EXPERIMENT, (experiment,)).fetchall()
            if len(numbers) != 1:
                raise Unfamiliar(f"{file} has no experiment {experiment!r}")
            run_of = dict(store.execute(_RUNS, numbers[0]).fetchall())
            found: Curves = {}
            for slot in filter(run_of.__contains__, slots):
                for name in names:
                    rows = store.execute(_POINTS, (run_of[slot], f"curve/{name}")).fetchall()
                    if rows:
                        points = tuple((s, math.nan if nan else v) for s, v, nan in rows)
                        found[slot] = {name: points}
                        break
            return found
    except sqlite3.Error as error:
        raise Unfamiliar(f"{file}: {error}") from None


def curves_by_client(
    address: str, experiment: str, slots: Sequence[str], names: Sequence[str]
) -> Curves:
    """Read the curves through MLflow's client."""
    with asking(address, experiment) as (client, number):
        found: Curves = {}
        for slot in slots:
            if "'" in slot:
                continue  # the store's conditions have no way to quote it
            condition = f"tags.slot = '{slot}' and attributes.status = 'FINISHED'"
            for run in client.search_runs([number], condition, max_results=1):
                logged = [name for name in names if f"curve/{name}" in run.data.metrics]
                for name in logged[:1]:
                    history = client.get_metric_history(run.info.run_id, f"curve/{name}")
                    points = tuple(sorted((point.step, point.value) for point in history))
                    found[slot] = {name: points}
        return found
