"""A study's way into MLflow: one experiment a study, one parent run a size, one run a trial.

Each finished trial has exactly one finished run, however often its record is delivered: the run is
found by a tag, a run that a crash left half-written is completed, and what stands twice is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from study.errors import StorageError
from study.record import TrialRecord
from study.tracking.analysis_run import Analysis, log_analysis
from study.tracking.client import RecordRefused, explain
from study.tracking.entries import ATTEMPT, KIND_TAG, StudyInfo, entry, record_digest, trial_key
from study.tracking.experiment import Experiment
from study.tracking.known import Known, KnownRun
from study.tracking.parents import close_parents, parent_of
from study.tracking.trial_runs import TrialRuns

Delivery = Literal["logged", "already there"]


class Tracker:
    """Logs one study to one MLflow store, a database or a server. Used by one thread at a time.

    :meth:`initialise` comes first. Every method raises :class:`StoreAway` while the store cannot be
    reached, and may then simply be called again. ``artifacts`` is the folder of a database's
    artifacts; a server chooses its own.
    """

    def __init__(self, address: str, artifacts: Path | None, study: StudyInfo) -> None:
        self.address = address
        self.experiment = Experiment(address, artifacts, study)
        self.runs = TrialRuns(self.experiment)
        self._known: Known | None = None
        self._confirmed: dict[str, str] = {}
        """Trial -> digest of the record that this tracker has seen finished in the store."""

    def initialise(self) -> None:
        """Create the database and the experiment if they are not there; safe to call again.

        A store that can never work is a StorageError: a folder that can't be written, a database
        of another version, an experiment that was deleted.
        """
        if self.experiment.number:
            return
        with self._explained():
            if self.experiment.open():
                self._known = Known()

    def deliver(self, record: TrialRecord) -> Delivery:
        """Make sure that the trial has exactly one finished run that says what the record says.

        A finished run of another record of the trial (which was run again) is replaced, and what
        was left half-done is repaired. RecordRefused: the store finds fault with the record itself.
        """
        key, digest = trial_key(record), record_digest(record)
        self.experiment.digests.add(record.study_digest)
        with self._explained():
            stored = self._stored()
            known = stored.trials.get(key)
            if known is not None and known.record != digest:
                if known.status == "FAILED" and record.status == "complete":
                    # Run again and well: the failed attempt stays to be seen, not as the trial.
                    self.experiment.client.set_tag(known.run_id, KIND_TAG, ATTEMPT)
                else:
                    self._remove(known)
                del stored.trials[key]
                known = None
            if known is None or not known.finished:
                self._write(key, record, stored)
                outcome: Delivery = "logged"
            else:
                outcome = "already there"
            self._confirmed[key] = digest
        return outcome

    def deliver_together(self, records: Iterable[TrialRecord]) -> set[str]:
        """Write the runs of trials that have none, all in one transaction.

        Returns what identifies the trials that were written; of two records of a trial, the last
        was. :meth:`deliver` does what is left: trials that have a run, and all of them where runs
        cannot be written so.
        """
        with self._explained():
            stored = self._stored()
            new = {trial_key(one): one for one in records if trial_key(one) not in stored.trials}
            self.experiment.digests.update(one.study_digest for one in new.values())
            runs = [(entry(one), parent_of(one, self.experiment, stored)) for one in new.values()]
            made = self.runs.write_together(runs) if runs else []
            written = dict(zip(new, made, strict=False))
            stored.trials |= written
            self._confirmed |= {key: record_digest(new[key]) for key in written}
        return set(written)

    def abandon(self, record: TrialRecord) -> None:
        """Remove the half-written run of a record that is given up."""
        with self._explained():
            known = self._stored().trials.get(trial_key(record))
            if known is not None and not known.finished:
                self._remove(known)
                del self._stored().trials[trial_key(record)]

    def missing(self, records: Iterable[TrialRecord]) -> list[TrialRecord]:
        """Return the records of trials that have no finished run with the same outcome.

        What this tracker delivered itself is not asked for again: reading a run costs 2 ms.
        """
        unseen = [
            one for one in records if self._confirmed.get(trial_key(one)) != record_digest(one)
        ]
        if not unseen:
            return []
        with self._explained():
            trials = self._stored(anew=True).trials
            return [
                one
                for one in unseen
                if (known := trials.get(trial_key(one))) is None or not known.tells(one)
            ]

    def expect(self, trials: Mapping[int, int]) -> None:
        """Take over how many trials the study asks for at each dataset size: it may have grown."""
        self.experiment.study = replace(self.experiment.study, trials=dict(trials))

    def finish(self, summaries: Mapping[int, Mapping[str, float]] | None = None) -> None:
        """Close the parent runs and write their summary metrics; safe to call again.

        A parent is FINISHED when all the trials that the study asks for at its size are there,
        otherwise KILLED: interrupted. Runs that stand twice are removed on the way. Summaries are
        metrics of a whole dataset size, such as the payoff point.
        """
        expected = sum(self.experiment.study.trials.values())
        others_may_deliver = not expected or len(self._confirmed) < expected
        with self._explained():
            stored = self._stored(anew=others_may_deliver)
            close_parents(self.experiment, stored, summaries or {})

    def log_analysis(self, analysis: Analysis) -> str:
        """Log the verdict to a run of its own, in the place of the one before; return its id."""
        with self._explained():
            return log_analysis(analysis, self.experiment)

    def _stored(self, *, anew: bool = False) -> Known:
        """Return which runs stand in the store, read when it is first asked for."""
        if self._known is None or anew:
            self._known = None
            self._known = Known.read(self.experiment)
        return self._known

    def _write(self, key: str, record: TrialRecord, stored: Known) -> None:
        """Write the run of a record, or complete the one that was begun."""
        written = entry(record)
        if key not in stored.trials:
            parent = parent_of(record, self.experiment, stored)
            stored.trials[key] = self.runs.write(written, parent)
        known = stored.trials[key]
        if known.finished:
            return
        try:
            self.runs.complete(known, written)
        except Exception as error:
            if isinstance(explain(error, self.address), RecordRefused):
                self._remove(known)
                del stored.trials[key]
            raise

    def _remove(self, known: KnownRun) -> None:
        self.experiment.remove(known.run_id, finished=known.finished)

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
            self._known = None
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                # The store was replaced or emptied under our feet: set it up again.
                self.experiment.forget()
                self.runs.close()
            raise meaning from None
