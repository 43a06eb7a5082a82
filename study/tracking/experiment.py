"""A study's experiment in one MLflow store: found or made, and what every run there shares."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StorageError
from study.places import is_server, sqlite_file
from study.redaction import redact
from study.tracking import client as mlflow_client
from study.tracking.client import StoreAway
from study.tracking.database import create, creation_lock
from study.tracking.entries import (
    DIGEST_TAG,
    KIND_TAG,
    MAX_METRICS,
    NOTE_TAG,
    StudyInfo,
    experiment_tags,
)
from study.tracking.rows import Unfamiliar
from study.tracking.stored import StoredExperiment, StoredRun, experiment_of_file, runs_of_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)


class Experiment:
    """The experiment of one study, made of what :class:`~study.tracking.tracker.Tracker` takes.

    All but :meth:`open` need it open.
    """

    def __init__(self, address: str, artifacts: Path | None, study: StudyInfo) -> None:
        self.address = address
        self.artifacts = artifacts
        self.study = study
        self.number = ""
        """MLflow's number of it, once open."""
        self.digests = {study.digest}
        """Digests of the studies whose runs are ours: others may share the experiment's name."""
        self.born = time.time()
        """When this process began with it, in seconds."""
        self._client: MlflowClient | None = None
        self._reads_file = True

    @property
    def client(self) -> MlflowClient:
        """The client of an open experiment, loaded when it is first asked for."""
        if not self.number:
            raise StoreAway(f"MLflow at {redact(self.address)}: not initialised yet")
        if self._client is None:
            self._client = mlflow_client.connect(self.address)
        return self._client

    def open(self) -> bool:
        """Create the database and the experiment where they are not there; tell if it was made."""
        with creation_lock(self.address):
            create(self.address, mlflow_client.make_tables)
            tags = experiment_tags(self.study)
            stored = self._in_file()
            if stored is not None and all(_stands(stored.tags, *tag) for tag in tags.items()):
                self.number = stored.number
                return False
            client = mlflow_client.connect(self.address)
            found = client.get_experiment_by_name(self.study.name)
            if found is None:
                location = None
                if self.artifacts is not None and not is_server(self.address):
                    location = (self.artifacts / self.study.name).resolve().as_uri()
                number = client.create_experiment(self.study.name, location, tags)
            elif found.lifecycle_stage != "active":
                raise StorageError(
                    f"study.name: the MLflow experiment {self.study.name!r} was deleted at "
                    f"{redact(self.address)}; choose another name, or restore it: "
                    f"mlflow experiments restore -x {found.experiment_id}"
                )
            else:
                number = found.experiment_id
                for name, value in tags.items():
                    if not _stands(found.tags, name, value):
                        client.set_experiment_tag(number, name, value)
        self._client, self.number = client, number
        return found is None

    def forget(self) -> None:
        """Be as before :meth:`open`: the store was replaced or emptied under our feet."""
        self._client, self.number = None, ""

    def runs(
        self,
        kind: str = "",
        *,
        tags: Collection[str] | None = None,
        metrics: Collection[str] | None = None,
    ) -> list[StoredRun]:
        """Return all runs that were not deleted, of one kind if it is given.

        Of their tags and metrics those named are needed, all if none are.
        """
        file = sqlite_file(self.address)
        if file is not None and self._reads_file:
            try:
                return runs_of_file(file, self.number, kind, tags=tags, metrics=metrics)
            except (Unfamiliar, sqlite3.Error) as reason:
                self._leave_to_client(reason)
        condition = f"tags.`{KIND_TAG}` = '{kind}'" if kind else ""
        found = mlflow_client.runs_of(self.client, self.number, condition)
        return [StoredRun.of(run) for run in found]

    def our_runs(self, kind: str) -> list[StoredRun]:
        """Return the runs of a kind that belong to our study, not to another of the same name."""
        return [run for run in self.runs(kind) if run.tags.get(DIGEST_TAG) in self.digests]

    def set_note(self, text: str) -> None:
        """Write what the UI shows above the runs, unless it stands there."""
        stored = self._in_file()
        if stored is None or stored.tags.get(NOTE_TAG) != text:
            self.client.set_experiment_tag(self.number, NOTE_TAG, text)

    def _in_file(self) -> StoredExperiment | None:
        """Read the experiment without MLflow's client; None where that can't be done."""
        file = sqlite_file(self.address)
        if file is None or not self._reads_file:
            return None
        try:
            return experiment_of_file(file, self.study.name)
        except (Unfamiliar, sqlite3.Error) as reason:
            self._leave_to_client(reason)
            return None

    def _leave_to_client(self, reason: Exception) -> None:
        """Let MLflow's client read, which knows what is wrong: for good where tables are others."""
        if isinstance(reason, Unfamiliar):
            log.warning("MLflow's client reads the runs: %s", reason)
            self._reads_file = False

    def create_run(self, name: str, start_ms: int, tags: Mapping[str, str]) -> StoredRun:
        """Create a run with all its tags: one call."""
        everything = {**tags, "mlflow.user": mlflow_client.user()}
        made = self.client.create_run(self.number, start_ms, everything, run_name=name)
        return StoredRun.of(made)

    def log_metrics(self, run_id: str, points: Iterable[tuple[str, float, int]]) -> None:
        """Log (name, value, step) of a run, at this time, in as few calls as the store allows."""
        if not (told := list(points)):
            return
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        metrics = [Metric(name, float(value), now, step) for name, value, step in told]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(run_id, metrics[start : start + MAX_METRICS], synchronous=True)

    def remove(self, run_id: str, *, finished: bool) -> None:
        """Delete a run that stands twice or half, and leave none that looks alive."""
        if not finished:
            self.client.set_terminated(run_id, "KILLED")
        self.client.delete_run(run_id)


def _stands(tags: Mapping[str, str], name: str, value: str) -> bool:
    """Tell whether a tag is as it should be.

    The description may hold the verdict by now, or a person's words: it is left as it is.
    """
    old = tags.get(name)
    return old == value or bool(old and name == NOTE_TAG)
