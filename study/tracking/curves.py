"""Learning curves of trials, read from MLflow: from its own SQLite file by three plain queries.

Loading MLflow and opening its store takes seconds, and a report reads some dozen curves. Where
the file's tables are not as known (:mod:`study.tracking.tables`), or it holds no such experiment,
MLflow is asked, which knows its other versions and says what is wrong.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from study.addresses import sqlite_file
from study.tracking.reading import asking
from study.tracking.tables import Unfamiliar, open_tables

log = logging.getLogger(__name__)

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
    """Return a learning curve of each of some trials of a study.

    Parameters
    ----------
    address
        Tracking address, which must be there.
    experiment
        Name of the study.
    slots
        The trials' places in the design.
    names
        Curves wanted; of each trial the first that it has is read.

    Returns
    -------
    dict
        Slot -> curve name -> (step, value) points; trials without any are left out.

    Raises
    ------
    StorageError
        If the store does not answer, or holds no such experiment.
    """
    file = sqlite_file(address)
    if file is not None:
        try:
            return curves_of_file(file, experiment, slots, names)
        except Unfamiliar as reason:
            log.info("MLflow's client reads the learning curves: %s", reason)
    return curves_by_client(address, experiment, slots, names)


def curves_of_file(
    file: Path, experiment: str, slots: Sequence[str], names: Sequence[str]
) -> Curves:
    """Read the curves from a tracking store's file.

    Raises
    ------
    Unfamiliar
        If it is not as known.
    """
    try:
        with closing(open_tables(file, write=False)) as store:
            numbers = store.execute(_EXPERIMENT, (experiment,)).fetchall()
            if len(numbers) != 1:
                raise Unfamiliar(f"{file} has no experiment {experiment!r}")
            run_of = dict(store.execute(_RUNS, numbers[0]).fetchall())
            found: Curves = {}
            for slot in slots:
                for name in names if slot in run_of else ():
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
