"""MLflow's old file store (``./mlruns``), read from its files: later versions of MLflow refuse it.

``EXPERIMENT/meta.yaml`` names the experiment; ``EXPERIMENT/RUN/`` holds ``meta.yaml``, and a file
for each parameter, tag and metric; a metric's lines are time, value and step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from search_spaces.errors import nearest
from study.errors import StorageError
from study.tracking.reading import NAMED_AT_MOST, LoggedRun

STATES = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
"""MLflow's ``RunStatus`` by its numbers."""


def is_file_store(folder: Path) -> bool:
    """Whether a folder holds experiments of the file store."""
    return folder.is_dir() and any(folder.glob("*/meta.yaml"))


def read_file_store(folder: Path, experiment: str = "") -> tuple[LoggedRun, ...]:
    """Return all runs of an experiment that were not deleted, in the order of their start.

    Its name may be empty where the store holds only one that has runs.

    Raises
    ------
    StorageError
        If it has no such experiment, or it is not clear which is meant.
    """
    found = {}
    for file in sorted(folder.glob("*/meta.yaml")):
        meta = _meta(file)
        if meta.get("lifecycle_stage", "active") == "active" and "experiment_id" in meta:
            found[meta.get("name", file.parent.name)] = file.parent
    names = ", ".join(list(found)[:NAMED_AT_MOST]) + (", ..." if len(found) > NAMED_AT_MOST else "")
    if experiment and experiment not in found:
        raise StorageError(
            f"{folder}: there is no experiment {experiment!r}{nearest(experiment, found)} "
            f"(it has: {names})"
        )
    used = [experiment] if experiment else [n for n, at in found.items() if any(_runs(at))]
    if len(used) != 1:
        what = "several experiments have runs" if used else "no experiment has runs"
        raise StorageError(f"{folder}: {what}; name one as #EXPERIMENT (it has: {names})")
    runs = [_run(run) for run in _runs(found[used[0]])]
    return tuple(sorted(runs, key=lambda run: (run.start_ms or 0, run.run_id)))


def _runs(experiment: Path) -> Iterator[Path]:
    for file in sorted(experiment.glob("*/meta.yaml")):
        if _meta(file).get("lifecycle_stage", "active") == "active":
            yield file.parent


def _run(folder: Path) -> LoggedRun:
    meta, tags = _meta(folder / "meta.yaml"), _texts(folder / "tags")
    return LoggedRun(
        run_id=meta.get("run_id") or meta.get("run_uuid") or folder.name,
        name=meta.get("run_name") or tags.get("mlflow.runName", ""),
        status=STATES.get(meta.get("status", ""), meta.get("status", "")),
        start_ms=_whole(meta.get("start_time")),
        end_ms=_whole(meta.get("end_time")),
        params=_texts(folder / "params"),
        metrics=_metrics(folder / "metrics"),
        tags=tags,
    )


def _meta(file: Path) -> dict[str, str]:
    """The flat YAML of a meta file."""
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        key, colon, value = line.partition(":")
        if colon and key == key.strip():
            found[key] = value.strip().strip("'\"")
    return found


def _texts(folder: Path) -> dict[str, str]:
    """File name, folders included -> what it holds."""
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _metrics(folder: Path) -> dict[str, float]:
    """The last value of each metric, by step and then by time, as MLflow has it."""
    found = {}
    for name, text in _texts(folder).items():
        points = []
        for line in text.splitlines():
            parts = line.split()
            if len(parts) >= 2:
                step = int(parts[2]) if len(parts) > 2 else 0
                points.append((step, int(parts[0]), float(parts[1])))
        if points:
            found[name] = max(points, key=lambda point: point[:2])[2]
    return found


def _whole(text: str | None) -> int | None:
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return int(number) if math.isfinite(number) else None
