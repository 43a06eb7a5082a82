"""The only importer of MLflow: one experiment a study, one parent run a size, one run a trial.

Each finished trial has exactly one finished run, however often its record is delivered: the run is
found by a tag, a run that a crash left half-written is completed, and what stands twice is removed.
The store's address is always explicit; nothing is taken from MLflow's defaults.

MLflow takes seconds to import, so it is imported where it is first used.
"""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from study.errors import StorageError
from study.record import TrialRecord
from study.redaction import redact
from study.tracking import database as database
from study.tracking import entries as entries
from study.tracking.datasets import dataset_input
from study.tracking.entries import ANALYSIS, KIND_TAG, RECORD_TAG, RunEntry, StudyInfo, trial_key
from study.tracking.errors import RecordRefused, StoreAway, explain
from study.tracking.rows import NotWritable, RunRows, Written, reads_otherwise

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

__all__ = ["Delivery", "RecordRefused", "StoreAway", "StudyInfo", "Tracker", "quieten"]

Delivery = Literal["logged", "already there"]

PAGE = 1000
"""Runs asked for at a time; the store returns no more than this, and says nothing of the rest."""

ERRORS = ("val_error", "test_error")
"""Metrics that say what came of a trial."""

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""How MLflow is to behave unless the environment says otherwise: it sends nothing to anybody, and
it doesn't repeat requests by itself, since a repeated creation would make a second run."""


@dataclass
class _Known:
    """What is known of a trial's run."""

    run_id: str
    status: str
    record: str
    """Digest of the record that it was made from."""
    artifacts: str
    parent: str
    study: str
    """Digest of the study that it belongs to."""
    errors: tuple[float | None, ...]
    """Validation and test error, as logged."""

    @property
    def finished(self) -> bool:
        """Whether the run says all it has to say."""
        return self.status in ("FINISHED", "FAILED")


class Tracker:
    """Logs one study to one MLflow store. Used by one thread at a time.

    :meth:`initialise` comes first. Every method raises :class:`StoreAway` while the store cannot be
    reached, and may then simply be called again.

    Parameters
    ----------
    address
        Tracking address: ``sqlite:////absolute/path/mlflow.db``, another database, or
        ``http://host:port``.
    artifacts
        Folder of the artifacts of a database store; a server chooses its own.
    study
        What the study is.
    """

    def __init__(self, address: str, artifacts: Path | None, study: StudyInfo) -> None:
        self.address = address
        self.artifacts = artifacts
        self.study = study
        self.experiment_id = ""
        """MLflow's number of the experiment, once initialised."""
        self._born = time.time()
        self._client: MlflowClient | None = None
        self._trials: dict[str, _Known] | None = None
        self._parents: dict[str, str] = {}
        """Id of the parent run of each size key."""
        self._closed: set[str] = set()
        """Ids of parents that are not shown as running."""
        self._confirmed: dict[str, str] = {}
        """Trial -> digest of the record that this tracker has seen finished in the store."""
        self._rows: RunRows | None = None
        self._may_write_rows = True
        """Until a run that was written so reads otherwise."""
        self._rows_were_read = False
        self._digests = {study.digest}
        """Digests of the studies whose runs are ours: others may share the experiment's name."""

    # Setting up

    def initialise(self) -> None:
        """Create the database and the experiment if they are not there; safe to call again.

        Raises
        ------
        StoreAway
            If a server cannot be reached.
        StorageError
            If the store can never work: a folder that can't be written, a database of another
            version, an experiment that was deleted.
        """
        if self.experiment_id:
            return
        quieten()
        with database.creation_lock(self.address), self._explained():
            from mlflow import MlflowClient

            database.create(self.address, _build)
            client = MlflowClient(tracking_uri=self.address, registry_uri=self.address)
            experiment = client.get_experiment_by_name(self.study.name)
            if experiment is None:
                location = None
                if self.artifacts is not None and not _is_server(self.address):
                    location = (self.artifacts / self.study.name).resolve().as_uri()
                number = client.create_experiment(
                    self.study.name, location, entries.experiment_tags(self.study)
                )
                self._trials = {}
            elif experiment.lifecycle_stage != "active":
                raise StorageError(
                    f"study.name: the MLflow experiment {self.study.name!r} was deleted at "
                    f"{redact(self.address)}; choose another name, or restore it: "
                    f"mlflow experiments restore -x {experiment.experiment_id}"
                )
            else:
                number = experiment.experiment_id
                for name, value in entries.experiment_tags(self.study).items():
                    old = experiment.tags.get(name)
                    # The description may hold the verdict by now, or a person's words: leave it.
                    if old != value and not (old and name == entries.NOTE_TAG):
                        client.set_experiment_tag(number, name, value)
            self._client, self.experiment_id = client, number

    # Trials

    def deliver(self, record: TrialRecord) -> Delivery:
        """Make sure that the trial has exactly one finished run that says what the record says.

        A finished run of another record of the trial (which was run again) is replaced.

        Raises
        ------
        StoreAway
            If the store did not answer; the next call repairs whatever was left half-done.
        RecordRefused
            If the store finds fault with the record itself.
        """
        key = trial_key(record)
        self._digests.add(record.study_digest)
        with self._explained():
            known = self._all_trials().get(key)
            if known is not None and known.record == entries.record_digest(record):
                if known.finished:
                    self._confirmed[key] = known.record
                    return "already there"
            elif known is not None:
                if known.status == "FAILED" and record.status == "complete":
                    # Run again and well: the failed attempt stays to be seen, not as the trial.
                    self._connected().set_tag(known.run_id, KIND_TAG, entries.ATTEMPT)
                else:
                    self._remove(known)
                del self._all_trials()[key]
                known = None
            written = entries.entry(record)
            if known is None:
                tags = self._tags(written, self._parent(record))
                known = self._write_rows(written, tags) or self._create(written, tags)
                self._all_trials()[key] = known
            try:
                if not known.finished:
                    self._complete(known, written)
            except Exception as error:
                if isinstance(explain(error, self.address), RecordRefused):
                    self._remove(known)
                    del self._all_trials()[key]
                raise
            self._confirmed[key] = known.record
        return "logged"

    def abandon(self, record: TrialRecord) -> None:
        """Remove the half-written run of a record that is given up."""
        with self._explained():
            known = self._all_trials().get(trial_key(record))
            if known is not None and not known.finished:
                self._remove(known)
                del self._all_trials()[trial_key(record)]

    def missing(self, records: Iterable[TrialRecord]) -> list[TrialRecord]:
        """Return the records of trials that have no finished run with the same outcome.

        Times and workers don't count: they differ where a trial was run twice, its outcome not.
        What this tracker delivered itself is not asked for again: reading a run costs 2 ms.
        """
        unseen = [
            one
            for one in records
            if self._confirmed.get(trial_key(one)) != entries.record_digest(one)
        ]
        if not unseen:
            return []
        with self._explained():
            self._trials = None
            known = self._all_trials()
            return [one for one in unseen if not _tells(known.get(trial_key(one)), one)]

    def _tags(self, written: RunEntry, parent: str) -> dict[str, str]:
        return {**written.tags, entries.PARENT_TAG: parent, "mlflow.user": _user()}

    def _write_rows(self, written: RunEntry, tags: Mapping[str, str]) -> _Known | None:
        """Write a trial's run whole, past MLflow's client; None where the client has to do it."""
        file = database.sqlite_file(self.address)
        if file is None or not self._may_write_rows:
            return None
        made: list[str] = []

        def save(artifacts: str) -> None:
            made.append(artifacts)
            _save(artifacts, written.artifact)

        try:
            if self._rows is None:
                self._rows = RunRows(file, self.experiment_id)
            found = self._rows.write(written, tags, save)
            self._read_back(self._rows, found, written, tags)
        except BaseException as reason:
            for artifacts in made:
                _discard(artifacts)
            if not isinstance(reason, NotWritable):
                raise
            log.info("MLflow's client logs the trial: %s", reason)
            self._forget_rows()
            return None
        return _Known(
            run_id=found.run_id,
            status=written.status,
            record=tags[RECORD_TAG],
            artifacts=found.artifacts,
            parent=tags[entries.PARENT_TAG],
            study=tags[entries.DIGEST_TAG],
            errors=tuple(_final(written, name) for name in ERRORS),
        )

    def _read_back(
        self, rows: RunRows, found: Written, written: RunEntry, tags: Mapping[str, str]
    ) -> None:
        """Look once at what MLflow makes of a run written as rows; remove it if that is wrong."""
        if self._rows_were_read:
            return
        client = self._connected()
        try:
            curve = next((point.name for point in written.points if point.step), None)
            history = client.get_metric_history(found.run_id, curve) if curve else []
            wrong = reads_otherwise(client.get_run(found.run_id), history, found, written, tags)
        except BaseException:
            rows.remove(found.run_id)
            raise
        if wrong:
            rows.remove(found.run_id)
            self._may_write_rows = False
            raise NotWritable(f"MLflow reads another {wrong} than was written; it logs all itself")
        self._rows_were_read = True

    def _forget_rows(self) -> None:
        if self._rows is not None:
            self._rows.close()
        self._rows = None

    def _create(self, written: RunEntry, tags: dict[str, str]) -> _Known:
        """Create a trial's run with all its tags: one call."""
        run = self._connected().create_run(
            self.experiment_id, written.start_ms, tags, run_name=written.name
        )
        return _known(run)

    def _complete(self, known: _Known, written: RunEntry) -> None:
        """Log everything and finish the run; doing it twice leaves the same as doing it once.

        The store drops a metric point that it has already, and accepts a parameter with the same
        value again, so a run that a crash left in the middle is simply written once more.
        """
        from mlflow.entities import Metric, Param

        client = self._connected()
        metrics = [
            Metric(point.name, point.value, written.end_ms, point.step) for point in written.points
        ]
        params = [Param(name, value) for name, value in written.params.items()]
        client.log_batch(known.run_id, metrics, params, synchronous=True)
        self._log_artifact(known, written.artifact)
        client.set_terminated(known.run_id, written.status, written.end_ms)
        known.status = written.status

    def _log_artifact(self, known: _Known, text: str) -> None:
        """Write a trial's artifact; into a local folder directly, which saves 8 ms a trial."""
        if _is_server(self.address) or not _save(known.artifacts, text):
            self._connected().log_text(known.run_id, text, entries.ARTIFACT)

    def _remove(self, known: _Known) -> None:
        """Delete a run that stands twice or half, and leave none that looks alive."""
        client = self._connected()
        if not known.finished:
            client.set_terminated(known.run_id, "KILLED")
        client.delete_run(known.run_id)

    # What the store holds

    def _all_trials(self) -> dict[str, _Known]:
        """Return the runs of all trials by key, read once from the store."""
        if self._trials is None:
            self._trials, self._parents, self._closed = {}, {}, set()
            try:
                self._note_trials(self._runs())
            except BaseException:
                self._trials = None
                raise
        return self._trials

    def _note_trials(self, runs: Iterable[Run]) -> None:
        """Take down trials and parents; of a trial that stands twice, one run is kept."""
        trials = self._trials if self._trials is not None else {}
        for run in runs:
            kind = run.data.tags.get(KIND_TAG)
            if kind == "size":
                self._parents.setdefault(run.data.tags[entries.SIZE_TAG], run.info.run_id)
                if run.info.status != "RUNNING":
                    self._closed.add(run.info.run_id)
            if kind != "trial":
                continue
            key, new = run.data.tags[entries.TRIAL_TAG], _known(run)
            old = trials.get(key)
            if old is not None and old.run_id != new.run_id:
                old, new = sorted((old, new), key=_worth)
                self._remove(old)
            trials[key] = new

    def _runs(self, condition: str = "") -> list[Run]:
        """Return all active runs of the experiment that meet a condition, page after page."""
        runs: list[Run] = []
        token: str | None = None
        while True:
            page = self._connected().search_runs(
                [self.experiment_id], condition, max_results=PAGE, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def _our_runs(self, kind: str) -> list[Run]:
        """Return the runs of a kind that belong to our study, not to another of the same name."""
        found = self._runs(f"tags.`{KIND_TAG}` = '{kind}'")
        return [run for run in found if run.data.tags.get(entries.DIGEST_TAG) in self._digests]

    # Parents

    def _parent(self, record: TrialRecord) -> str:
        """Return the parent run of the record's dataset size, made or opened again if need be."""
        self._all_trials()
        key = entries.size_key(record.study_digest, record.n_examples)
        if key not in self._parents:
            self._create_parents(record)
        parent = self._parents[key]
        if parent in self._closed:
            self._connected().update_run(parent, status="RUNNING")
            self._closed.discard(parent)
        return parent

    def _create_parents(self, record: TrialRecord) -> None:
        """Make the parents of all dataset sizes that miss one.

        They start with the study, each a millisecond after the next smaller one, so that a list
        sorted by time rises with the size; as many milliseconds are left for the curves.
        """
        sizes = sorted({record.n_examples, *self.study.trials})
        start_ms = round(min(record.started_at, self._born) * 1000) - 2 * len(sizes)
        for rank, n_examples in enumerate(sizes):
            key = entries.size_key(record.study_digest, n_examples)
            if key in self._parents:
                continue
            expected = self.study.trials.get(n_examples)
            tags = entries.parent_tags(self.study, record, n_examples, expected)
            run = self._connected().create_run(
                self.experiment_id,
                start_ms + rank,
                {**tags, "mlflow.user": _user()},
                run_name=f"n={n_examples}",
            )
            self._parents[key] = run.info.run_id
            data = dataset_input(self.study.tags.get("data", ""), record, n_examples)
            self._connected().log_inputs(run.info.run_id, [data])

    def finish(self, summaries: Mapping[int, Mapping[str, float]] | None = None) -> None:
        """Close the parent runs and write their summary metrics; safe to call again.

        A parent is FINISHED when all the trials that the study asks for at its size are there,
        otherwise KILLED: interrupted. Runs that stand twice are removed on the way.

        Parameters
        ----------
        summaries
            Per dataset size: metrics of the whole size, such as the payoff point.
        """
        with self._explained():
            if len(self._confirmed) < sum(self.study.trials.values()) or not self.study.trials:
                self._trials = None  # others may have delivered too
            trials = [one for one in self._all_trials().values() if one.study in self._digests]
            for run in self._our_runs("size"):
                children = [known for known in trials if known.parent == run.info.run_id]
                kept = self._parents[run.data.tags[entries.SIZE_TAG]]
                if run.info.run_id == kept:
                    continue
                for known in children:
                    self._connected().set_tag(known.run_id, entries.PARENT_TAG, kept)
                    known.parent = kept
                self._remove(_known(run))
            for run in self._our_runs("size"):
                children = [known for known in trials if known.parent == run.info.run_id]
                self._close(run, children, summaries or {})

    def _close(
        self, run: Run, children: Sequence[_Known], summaries: Mapping[int, Mapping[str, float]]
    ) -> None:
        """Write a parent's summary and set its status, where they changed."""
        from mlflow.entities import Metric

        n_examples = int(run.data.tags["n_examples"])
        ours = run.data.tags.get(entries.DIGEST_TAG) == self.study.digest
        finished = sum(known.finished for known in children)
        metrics = entries.legal_names(
            {
                "trials_finished": float(finished),
                "trials_failed": float(sum(known.status == "FAILED" for known in children)),
                **(summaries.get(n_examples, {}) if ours else {}),
            }
        )
        now = round(time.time() * 1000)
        changed = [
            Metric(name, float(value), now, 0)
            for name, value in metrics.items()
            if run.data.metrics.get(name) != value
        ]
        if changed:
            self._connected().log_batch(run.info.run_id, changed, synchronous=True)
        expected = int(run.data.tags.get(entries.EXPECTED_TAG, "0"))
        if ours:
            expected = self.study.trials.get(n_examples, expected)
        status = "FINISHED" if finished >= expected else "KILLED"
        if run.info.status != status:
            self._connected().set_terminated(run.info.run_id, status, now)
        self._closed.add(run.info.run_id)

    # The analysis

    def log_analysis(
        self,
        markdown: str,
        figures: Sequence[Path] = (),
        json: str = "",
        metrics: Mapping[str, float] | None = None,
        table: Path | None = None,
        curves: Mapping[int, Mapping[str, Sequence[tuple[float, float]]]] | None = None,
    ) -> str:
        """Log the verdict to a run of its own, which takes the place of the one before.

        Parameters
        ----------
        markdown
            The verdict; the UI shows it on the run and above the runs of the experiment.
        figures
            Files to keep; the first PNG or SVG is shown below the verdict.
        json
            The whole analysis as JSON text.
        metrics
            Numbers that people compare, such as the payoff point of each size.
        table
            The trial table that the analysis was made from.
        curves
            Per dataset size, per name (``measured``, ``fitted``, ...): (size, error) points. The UI
            charts them with the size, a whole number, as the step.

        Returns
        -------
        str
            The id of the run. The same analysis logged twice is logged once.
        """
        analysis = entries.Analysis(
            study=self.study,
            markdown=redact(markdown, self.address),
            figures=tuple(figures),
            json=redact(json, self.address),
            metrics=entries.legal_names(dict(metrics or {})),
            table=table,
            curves={
                n_examples: {
                    name: tuple((round(size), float(error)) for size, error in points)
                    for name, points in entries.legal_names(dict(named)).items()
                }
                for n_examples, named in (curves or {}).items()
            },
        )
        content = analysis.digest()
        with self._explained():
            earlier = [
                run
                for run in (*self._our_runs(ANALYSIS), *self._our_runs(entries.CURVE))
                if run.data.tags[entries.DIGEST_TAG] == self.study.digest
            ]
            kept = _current(earlier, content, analysis.curves)
            run_id = kept.get(ANALYSIS, "")
            if not run_id:
                before_ms, after_ms = self._study_start()
                # The curves first: an analysis that is finished has all its curves.
                self._write_curves(analysis, content, after_ms)
                run_id = self._write_analysis(analysis, content, before_ms)
            for run in earlier:
                if run.info.run_id not in kept.values():
                    self._remove(_known(run))
            self._connected().set_experiment_tag(
                self.experiment_id,
                entries.NOTE_TAG,
                analysis.experiment_note(self.experiment_id, run_id),
            )
        return run_id

    def _study_start(self) -> tuple[int, int]:
        """Return the milliseconds before and after the starts of the parents.

        What is about the whole study starts with it, so that a list sorted by time begins with it.
        """
        parents = self._our_runs("size")
        starts = [int(run.info.start_time) for run in parents] or [round(self._born * 1000)]
        return min(starts) - 1, max(starts) + 1

    def _write_curves(self, analysis: entries.Analysis, content: str, start_ms: int) -> None:
        """Make a run for the curve of each dataset size, in a list after the parents."""
        from mlflow.entities import Metric

        client = self._connected()
        now = round(time.time() * 1000)
        for rank, (n_examples, named) in enumerate(sorted(analysis.curves.items())):
            tags = {**analysis.curve_tags(content, n_examples), "mlflow.user": _user()}
            run = client.create_run(
                self.experiment_id, start_ms + rank, tags, run_name=f"curve n={n_examples}"
            )
            points = [
                Metric(f"error_by_size/{name}", error, now, size)
                for name, curve in named.items()
                for size, error in curve
            ]
            for start in range(0, len(points), entries.MAX_METRICS):
                batch = points[start : start + entries.MAX_METRICS]
                client.log_batch(run.info.run_id, batch, synchronous=True)
            client.set_terminated(run.info.run_id, "FINISHED")

    def _write_analysis(self, analysis: entries.Analysis, content: str, start_ms: int) -> str:
        """Make the run of an analysis, whole, and return its id."""
        from mlflow.entities import Metric

        client = self._connected()
        tags = {**analysis.tags(content), "mlflow.user": _user()}
        run = client.create_run(self.experiment_id, start_ms, tags, run_name=ANALYSIS)
        run_id = str(run.info.run_id)
        for figure in analysis.figures:
            client.log_artifact(run_id, str(figure), "figures")
        if analysis.table is not None:
            client.log_artifact(run_id, str(analysis.table))
        client.log_text(run_id, analysis.markdown, "verdict.md")
        if analysis.json:
            client.log_text(run_id, analysis.json, "analysis.json")
        now = round(time.time() * 1000)
        metrics = [Metric(name, float(value), now, 0) for name, value in analysis.metrics.items()]
        client.log_batch(run_id, metrics, synchronous=True)
        client.set_tag(run_id, entries.NOTE_TAG, analysis.note(run_id))
        client.set_terminated(run_id, "FINISHED")
        return run_id

    # Errors

    def _connected(self) -> MlflowClient:
        """Return the client of an initialised tracker."""
        if self._client is None:
            raise StoreAway(f"MLflow at {redact(self.address)}: not initialised yet")
        return self._client

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the store raises into one clear line, with no password in it."""
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            meaning = explain(error, self.address)
            if meaning is None:
                raise
            # Whether the last call took effect is not known: what the store holds is read anew.
            self._trials = None
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                # The store was replaced or emptied under our feet: set it up again.
                self._client, self.experiment_id = None, ""
                self._forget_rows()
            raise meaning from None


def quieten() -> None:
    """Keep MLflow to itself: no telemetry, no chatter, no stack traces in the terminal."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: F401  (it sets its loggers up when imported)

    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"(mlflow|alembic|sqlalchemy)(\.|$)")


def _build(address: str) -> None:
    """Make the tables of an empty database, and leave no connection open."""
    from mlflow import MlflowClient

    pool = "MLFLOW_SQLALCHEMYSTORE_POOLCLASS"
    before = os.environ.get(pool)
    os.environ[pool] = "NullPool"
    try:
        MlflowClient(tracking_uri=address, registry_uri=address).search_experiments()
    finally:
        if before is None:
            del os.environ[pool]
        else:
            os.environ[pool] = before


def _known(run: Run) -> _Known:
    """Keep of a run what is needed later."""
    return _Known(
        run_id=run.info.run_id,
        status=run.info.status,
        record=run.data.tags.get(RECORD_TAG, ""),
        artifacts=run.info.artifact_uri,
        parent=run.data.tags.get(entries.PARENT_TAG, ""),
        study=run.data.tags.get(entries.DIGEST_TAG, ""),
        errors=tuple(run.data.metrics.get(name) for name in ERRORS),
    )


def _final(written: RunEntry, name: str) -> float | None:
    """Return a final metric of an entry."""
    return next((point.value for point in written.points if point.name == name), None)


def _tells(known: _Known | None, record: TrialRecord) -> bool:
    """Tell whether a trial's run says what came of the record's trial."""
    if known is None or not known.finished:
        return False
    if known.record == entries.record_digest(record):
        return True
    status = "FINISHED" if record.status == "complete" else "FAILED"
    errors = tuple(record.metrics.get(name) for name in ERRORS)
    return known.status == status and known.errors == errors


def _current(
    runs: Iterable[Run], content: str, curves: Mapping[int, object]
) -> dict[str | int, str]:
    """Return the runs that hold an analysis of this content already, whole, each once.

    Returns
    -------
    dict
        Run id of ``"analysis"`` and of the curve of each dataset size; empty if any is missing.
    """
    found: dict[str | int, str] = {}
    for run in runs:
        tags = run.data.tags
        if tags.get(RECORD_TAG) == content and _known(run).finished:
            name = ANALYSIS if tags[KIND_TAG] == ANALYSIS else int(tags["n_examples"])
            found.setdefault(name, run.info.run_id)
    return found if found.keys() == {ANALYSIS, *curves} else {}


def _worth(known: _Known) -> tuple[int, str]:
    """Order runs of one trial, the one to keep last."""
    return ({"FINISHED": 2, "FAILED": 1}.get(known.status, 0), known.run_id)


def _save(artifacts: str, text: str) -> bool:
    """Write a trial's artifact into a local folder; tell whether it is one."""
    place = urlsplit(artifacts)
    if place.scheme not in ("file", ""):
        return False
    folder = Path(url2pathname(place.path))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / entries.ARTIFACT).write_text(text, encoding="utf-8")
    return True


def _discard(artifacts: str) -> None:
    """Remove the folder of a run that did not come to be."""
    shutil.rmtree(Path(url2pathname(urlsplit(artifacts).path)).parent, ignore_errors=True)


def _is_server(address: str) -> bool:
    """Tell whether an address is that of an MLflow server."""
    return urlsplit(address).scheme in ("http", "https")


def _user() -> str:
    """Return who is logged in, as MLflow's own client would."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
