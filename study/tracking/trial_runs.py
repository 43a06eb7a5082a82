"""The run of a trial, written whole: as rows of MLflow's file, or by its client."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from study.places import is_server, sqlite_file
from study.tracking.client import user
from study.tracking.entries import (
    ARTIFACT,
    DIGEST_TAG,
    MAX_METRICS,
    MAX_PARAMS,
    PARENT_TAG,
    RECORD_TAG,
    RunEntry,
)
from study.tracking.experiment import Experiment
from study.tracking.known import ERRORS, KnownRun
from study.tracking.rows import NotWritable, RunRows, Unfamiliar, reads_otherwise

log = logging.getLogger(__name__)


class TrialRuns:
    """Writes the runs of trials into an open experiment, as rows where that can be."""

    def __init__(self, experiment: Experiment, *, as_rows: bool = True) -> None:
        self._experiment = experiment
        self._as_rows = as_rows
        self._rows: RunRows | None = None
        self._rows_are_proven = False
        """A run written so was read back through MLflow's client."""

    def write(self, written: RunEntry, parent: str) -> KnownRun:
        """Write a run; one that is not finished then was only created, by MLflow's client."""
        known = self._write_rows([(written, _tags(written, parent))])
        if known:
            return known[0]
        tags = {**written.tags, PARENT_TAG: parent}
        return KnownRun.of(self._experiment.create_run(written.name, written.start_ms, tags))

    def write_together(self, runs: Sequence[tuple[RunEntry, str]]) -> list[KnownRun]:
        """Write runs, each below its parent, in one transaction: all of them or none.

        The first that is ever written stands alone, until it was read back. Fewer are written, and
        returned, where the client has to write the others.
        """
        rows = [(written, _tags(written, parent)) for written, parent in runs]
        alone = [] if self._rows_are_proven else self._write_rows(rows[:1])
        if not self._rows_are_proven:
            return []
        return alone + self._write_rows(rows[len(alone) :])

    def complete(self, known: KnownRun, written: RunEntry) -> None:
        """Log everything and finish the run; doing it twice leaves the same as doing it once.

        The store drops a metric point that it has already, and accepts a parameter with the same
        value again, so a run that a crash left in the middle is simply written once more.
        """
        from mlflow.entities import Metric, Param

        client = self._experiment.client
        metrics = [
            Metric(point.name, point.value, written.end_ms, point.step) for point in written.points
        ]
        params = [Param(name, value) for name, value in written.params.items()]
        while metrics or params:  # one call, but for a trial with more than MLflow takes in one
            some, params = params[:MAX_PARAMS], params[MAX_PARAMS:]
            room = MAX_METRICS - len(some)  # of all entries together, too
            client.log_batch(known.run_id, metrics[:room], some, synchronous=True)
            metrics = metrics[room:]
        self.log_artifact(known, written.artifact)
        client.set_terminated(known.run_id, written.status, written.end_ms)
        known.status = written.status

    def log_artifact(self, known: KnownRun, text: str) -> None:
        """Write a trial's artifact; into a local folder directly, which saves 8 ms a trial."""
        if is_server(self._experiment.address) or not save(known.artifacts, text):
            self._experiment.client.log_text(known.run_id, text, ARTIFACT)

    def close(self) -> None:
        """Let go of the store's file; it is opened again when it is needed."""
        if self._rows is not None:
            self._rows.close()
        self._rows, self._rows_are_proven = None, False

    def _write_rows(self, runs: Sequence[tuple[RunEntry, Mapping[str, str]]]) -> list[KnownRun]:
        """Write runs past MLflow's client; none where the client has to do it."""
        file = sqlite_file(self._experiment.address)
        if file is None or not self._as_rows:
            return []
        made: list[str] = []

        def keep(artifacts: str, written: RunEntry) -> None:
            made.append(artifacts)
            save(artifacts, written.artifact)

        try:
            if self._rows is None:
                self._rows = RunRows(file, self._experiment.number)
            places = self._rows.write(runs, keep)
            if not self._rows_are_proven:
                self._read_back(self._rows, *places[0], *runs[0])
        except BaseException as reason:
            for artifacts in made:
                discard(artifacts)
            if not isinstance(reason, (NotWritable, Unfamiliar)):
                raise
            self.close()
            self._as_rows = isinstance(reason, NotWritable)
            what = "the trial" if self._as_rows else "all trials"
            log.warning("MLflow's client logs %s: %s", what, reason)
            return []
        return [
            _known(run_id, place, written, tags)
            for (run_id, place), (written, tags) in zip(places, runs, strict=True)
        ]

    def _read_back(
        self, rows: RunRows, run_id: str, place: str, written: RunEntry, tags: Mapping[str, str]
    ) -> None:
        """Look once at what MLflow makes of a run written as rows; remove it if that is wrong."""
        client = self._experiment.client
        try:
            curve = next((point.name for point in written.points if point.step), None)
            history = client.get_metric_history(run_id, curve) if curve else []
            files = [file.path for file in client.list_artifacts(run_id)]
            run = client.get_run(run_id)
            if wrong := reads_otherwise(run, history, files, place, written, tags):
                raise Unfamiliar(f"MLflow reads another {wrong} than was written")
        except BaseException:
            rows.remove(run_id)
            raise
        self._rows_are_proven = True


def _tags(written: RunEntry, parent: str) -> dict[str, str]:
    """Return all tags of a run that is written as rows."""
    return {**written.tags, PARENT_TAG: parent, "mlflow.user": user()}


def _known(run_id: str, place: str, written: RunEntry, tags: Mapping[str, str]) -> KnownRun:
    """Return what is known of a run that was written."""
    final = {point.name: point.value for point in reversed(written.points)}
    return KnownRun(
        run_id=run_id,
        status=written.status,
        record=tags[RECORD_TAG],
        artifacts=place,
        parent=tags[PARENT_TAG],
        study=tags[DIGEST_TAG],
        errors=tuple(final.get(name) for name in ERRORS),
    )


def save(artifacts: str, text: str) -> bool:
    """Write a trial's artifact into a local folder; tell whether it is one."""
    place = urlsplit(artifacts)
    if place.scheme not in ("file", ""):
        return False
    folder = Path(url2pathname(place.path))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARTIFACT).write_text(text, encoding="utf-8")
    return True


def discard(artifacts: str) -> None:
    """Remove the folder of a run that did not come to be."""
    shutil.rmtree(Path(url2pathname(urlsplit(artifacts).path)).parent, ignore_errors=True)
