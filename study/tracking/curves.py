"""Learning curves from MLflow's own SQLite file, by three plain queries.

Loading MLflow and opening its store takes seconds, and a report reads some dozen curves. The tables
read here are those of the tracking store since MLflow 1.0. Whatever is not as expected (no such
table, a file that cannot be opened for reading, no such experiment) is left to MLflow itself, which
knows its other versions and says what is wrong: :func:`study.tracking.reading.read_curves`.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from study.addresses import sqlite_file

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


def curves_of(address: str, experiment: str, slots: Iterable[str], names: Sequence[str]) -> Curves:
    """Return a learning curve of each of some trials, as :func:`read_curves` does, but sooner."""
    from study.tracking.reading import read_curves

    wanted = list(slots)
    file = sqlite_file(address)
    found = None if file is None else stored_curves(file, experiment, wanted, names)
    return read_curves(address, experiment, wanted, names) if found is None else found


def stored_curves(
    file: Path, experiment: str, slots: Iterable[str], names: Sequence[str]
) -> Curves | None:
    """Read the curves from a tracking store's file; None where it is not as expected."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as store:
            numbers = store.execute(_EXPERIMENT, (experiment,)).fetchall()
            if len(numbers) != 1:
                return None
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
    except sqlite3.Error:
        return None
