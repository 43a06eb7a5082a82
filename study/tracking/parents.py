"""Parent runs: one for each dataset size, below which the trials of that size hang."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from study.record import TrialRecord
from study.tracking.entries import (
    DIGEST_TAG,
    EXPECTED_TAG,
    PARENT_TAG,
    SIZE_TAG,
    legal_names,
    parent_tags,
    size_key,
)
from study.tracking.experiment import Experiment
from study.tracking.known import FINISHED, Known, KnownRun
from study.tracking.stored import StoredRun

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

MAX_DIGEST = 36
"""Longest digest of a data set that the store accepts."""
CONTEXT_TAG = "mlflow.data.context"


def dataset_input(name: str, record: TrialRecord, n_examples: int) -> DatasetInput:
    """Return the training subsets of one dataset size, with a trial on it, as an input of a run.

    MLflow is told a name (the study's if empty), a digest and how many, never the examples; on
    parents and models only: for each trial it would cost a third of its logging.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name = name or record.study
    dataset = Dataset(
        name=f"{name} n={n_examples}",
        digest=(record.data_digest or "unknown")[:MAX_DIGEST],
        source_type="payoff",
        source=json.dumps({"data": name, "digest": record.data_digest}),
        profile=json.dumps({"num_rows": n_examples, "test_rows": record.n_test}),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag(CONTEXT_TAG, "training")])


def parent_of(record: TrialRecord, experiment: Experiment, known: Known) -> str:
    """Return the parent run of a record's dataset size, made or opened again if need be."""
    key = size_key(record.study_digest, record.n_examples)
    if key not in known.parents:
        _create(record, experiment, known)
    parent = known.parents[key]
    if parent in known.closed:
        experiment.client.update_run(parent, status="RUNNING")
        known.closed.discard(parent)
    return parent


def _create(record: TrialRecord, experiment: Experiment, known: Known) -> None:
    """Make the parents of all dataset sizes that miss one.

    They start with the study, each a millisecond after the next smaller one, so that a list
    sorted by time rises with the size; as many milliseconds are left for the curves.
    """
    study = experiment.study
    sizes = sorted({record.n_examples, *study.trials})
    start_ms = round(min(record.started_at, experiment.born) * 1000) - 2 * len(sizes)
    for rank, n_examples in enumerate(sizes):
        key = size_key(record.study_digest, n_examples)
        if key in known.parents:
            continue
        tags = parent_tags(study, record, n_examples, study.trials.get(n_examples))
        run = experiment.create_run(f"n={n_examples}", start_ms + rank, tags)
        known.parents[key] = run.run_id
        data = dataset_input(study.tags.get("data", ""), record, n_examples)
        experiment.client.log_inputs(run.run_id, [data])


def close_parents(
    experiment: Experiment, known: Known, summaries: Mapping[int, Mapping[str, float]]
) -> None:
    """Close the parents of our study, each with its summary; remove those that stand twice."""
    trials = [one for one in known.trials.values() if one.study in experiment.digests]
    kept: list[StoredRun] = []
    for run in experiment.our_runs("size"):
        parent = known.parents.setdefault(run.tags[SIZE_TAG], run.run_id)
        if run.run_id == parent:
            kept.append(run)
            continue
        for child in _children(run, trials):
            experiment.client.set_tag(child.run_id, PARENT_TAG, parent)
            child.parent = parent
        experiment.remove(run.run_id, finished=run.status in FINISHED)
    for run in kept:
        _close(run, _children(run, trials), experiment, summaries)
        known.closed.add(run.run_id)


def _children(run: StoredRun, trials: Sequence[KnownRun]) -> list[KnownRun]:
    return [one for one in trials if one.parent == run.run_id]


def _close(
    run: StoredRun,
    children: Sequence[KnownRun],
    experiment: Experiment,
    summaries: Mapping[int, Mapping[str, float]],
) -> None:
    """Write a parent's summary and set its status, where they changed."""
    n_examples = int(run.tags["n_examples"])
    ours = run.tags.get(DIGEST_TAG) == experiment.study.digest
    finished = sum(one.finished for one in children)
    metrics = legal_names(
        {
            "trials_finished": float(finished),
            "trials_failed": float(sum(one.status == "FAILED" for one in children)),
            **(summaries.get(n_examples, {}) if ours else {}),
        }
    )
    changed = {name: value for name, value in metrics.items() if run.metrics.get(name) != value}
    experiment.log_metrics(run.run_id, ((name, v, 0) for name, v in changed.items()))
    expected = int(run.tags.get(EXPECTED_TAG, "0"))
    if ours:
        expected = experiment.study.trials.get(n_examples, expected)
    status = "FINISHED" if finished >= expected else "KILLED"
    if run.status != status:
        now_ms = round(time.time() * 1000)
        experiment.client.set_terminated(run.run_id, status, now_ms)
