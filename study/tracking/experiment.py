"""A study's experiment in one MLflow store: found or made, and what every run there shares."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StorageError
from study.places import is_server
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

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


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

    @property
    def client(self) -> MlflowClient:
        """The client of an open experiment."""
        if self._client is None:
            raise StoreAway(f"MLflow at {redact(self.address)}: not initialised yet")
        return self._client

    def open(self) -> bool:
        """Create the database and the experiment where they are not there; tell if it was made."""
        with creation_lock(self.address):
            create(self.address, mlflow_client.make_tables)
            client = mlflow_client.connect(self.address)
            found = client.get_experiment_by_name(self.study.name)
            tags = experiment_tags(self.study)
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
                    old = found.tags.get(name)
                    # The description may hold the verdict by now, or a person's words: leave it.
                    if old != value and not (old and name == NOTE_TAG):
                        client.set_experiment_tag(number, name, value)
        self._client, self.number = client, number
        return found is None

    def forget(self) -> None:
        """Be as before :meth:`open`: the store was replaced or emptied under our feet."""
        self._client, self.number = None, ""

    def runs(self, condition: str = "") -> list[Run]:
        """Return all runs that were not deleted and meet a condition."""
        return list(mlflow_client.runs_of(self.client, self.number, condition))

    def our_runs(self, kind: str) -> list[Run]:
        """Return the runs of a kind that belong to our study, not to another of the same name."""
        found = self.runs(f"tags.`{KIND_TAG}` = '{kind}'")
        return [run for run in found if run.data.tags.get(DIGEST_TAG) in self.digests]

    def create_run(self, name: str, start_ms: int, tags: Mapping[str, str]) -> Run:
        """Create a run with all its tags: one call."""
        everything = {**tags, "mlflow.user": mlflow_client.user()}
        return self.client.create_run(self.number, start_ms, everything, run_name=name)

    def log_metrics(self, run_id: str, points: Iterable[tuple[str, float, int]]) -> None:
        """Log (name, value, step) of a run, at this time, in as few calls as the store allows."""
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        metrics = [Metric(name, float(value), now, step) for name, value, step in points]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(run_id, metrics[start : start + MAX_METRICS], synchronous=True)

    def remove(self, run_id: str, *, finished: bool) -> None:
        """Delete a run that stands twice or half, and leave none that looks alive."""
        if not finished:
            self.client.set_terminated(run_id, "KILLED")
        self.client.delete_run(run_id)
