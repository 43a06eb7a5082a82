"""Which runs of a study stand in the store already: each trial's, and each dataset size's."""

from __future__ import annotations

from dataclasses import dataclass, field

from study.record import TrialRecord
from study.tracking.entries import (
    DIGEST_TAG,
    KIND_TAG,
    PARENT_TAG,
    RECORD_TAG,
    SIZE_TAG,
    TRIAL_TAG,
    record_digest,
)
from study.tracking.experiment import Experiment
from study.tracking.stored import StoredRun

ERRORS = ("val_error", "test_error")
"""Metrics that say what came of a trial."""

TAGS = (KIND_TAG, SIZE_TAG, TRIAL_TAG, RECORD_TAG, PARENT_TAG, DIGEST_TAG)
"""Tags that are read of all runs."""

FINISHED = ("FINISHED", "FAILED")
"""Statuses of a run that says all it has to say."""


@dataclass
class KnownRun:
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

    @classmethod
    def of(cls, run: StoredRun) -> KnownRun:
        """Keep of a run what is needed later."""
        return cls(
            run_id=run.run_id,
            status=run.status,
            record=run.tags.get(RECORD_TAG, ""),
            artifacts=run.artifacts,
            parent=run.tags.get(PARENT_TAG, ""),
            study=run.tags.get(DIGEST_TAG, ""),
            errors=tuple(run.metrics.get(name) for name in ERRORS),
        )

    @property
    def finished(self) -> bool:
        """Whether the run says all it has to say."""
        return self.status in FINISHED

    def tells(self, record: TrialRecord) -> bool:
        """Tell whether the run says what came of the record's trial.

        Times and workers don't count: they differ where a trial was run twice, its outcome not.
        """
        if not self.finished:
            return False
        if self.record == record_digest(record):
            return True
        status = "FINISHED" if record.status == "complete" else "FAILED"
        errors = tuple(record.metrics.get(name) for name in ERRORS)
        return self.status == status and self.errors == errors

    @property
    def _worth(self) -> tuple[int, str]:
        """Of two runs of one trial, the one of larger worth is kept."""
        return ({"FINISHED": 2, "FAILED": 1}.get(self.status, 0), self.run_id)


@dataclass
class Known:
    """The runs of a study that stand in the store, as read once and kept up to date since."""

    trials: dict[str, KnownRun] = field(default_factory=dict)
    """By what identifies a trial."""
    parents: dict[str, str] = field(default_factory=dict)
    """Id of the parent run of each size key."""
    closed: set[str] = field(default_factory=set)
    """Ids of parents that are not shown as running."""

    @classmethod
    def read(cls, experiment: Experiment) -> Known:
        """Read all runs; of a trial that stands twice, one run is kept and the others removed."""
        known = cls()
        for run in experiment.runs(tags=TAGS, metrics=ERRORS):
            kind = run.tags.get(KIND_TAG)
            if kind == "size":
                known.parents.setdefault(run.tags[SIZE_TAG], run.run_id)
                if run.status != "RUNNING":
                    known.closed.add(run.run_id)
            elif kind == "trial":
                key, new = run.tags[TRIAL_TAG], KnownRun.of(run)
                if key in known.trials:
                    less, new = sorted((known.trials[key], new), key=lambda one: one._worth)
                    experiment.remove(less.run_id, finished=less.finished)
                known.trials[key] = new
        return known
