"""What MLflow is told of a trial: a record in the words of the tracking store, as plain values.

Pure, and free of MLflow itself: the limits of a batched call, the names that are allowed, the
thinning of long curves and the tags that people filter by are decided and tested here.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from analysis.table.columns import FIELDS
from study.record import TrialRecord
from study.redaction import redact
from study.tracking.views import view_tags

MAX_METRICS, MAX_PARAMS, MAX_TAGS = 1000, 100, 100
"""Most entries of one ``log_batch`` call (MLflow's own limits)."""

MOST_SCORES = 20_000
"""Of one trial: more are nobody's metrics, and would take the store a minute."""

MAX_NAME, MAX_PARAM, MAX_TAG, MAX_EXPERIMENT_TAG = 250, 6000, 8000, 20000
"""Longest names and values that the store accepts, in characters."""

MAX_CURVE_POINTS = 60
"""Points kept of one curve. Each costs about 0.1 ms; a chart is some hundred pixels wide. The
whole curve is in the trial's artifact."""

TRIAL_TAG = "payoff.trial"
"""Tag that identifies a trial's run: study digest, Optuna study and slot."""
RECORD_TAG = "payoff.record"
"""Tag with the digest of the record that a run was made from."""
KIND_TAG = "payoff.kind"
"""Tag that tells runs apart: trial, size (a parent) or analysis."""
SIZE_TAG = "payoff.size"
"""Tag that identifies a parent run: study digest and dataset size."""
EXPECTED_TAG = "payoff.trials_expected"
"""Tag of a parent run: how many trials the study asks for at this size."""
DIGEST_TAG = "study_digest"
"""Tag with the digest of the study that a run belongs to."""

ARTIFACT = "trial.json"
"""The trial's whole record, per-example test correctness and complete curves included."""

ANALYSIS = "analysis"
"""Name and kind of the run that holds the verdict."""
CURVE = "curve"
"""Kind of the runs that hold a curve of error against size, one per dataset size."""
ATTEMPT = "attempt"
"""Kind of the run of a failed attempt, once the trial was run again and well."""
NOTE_TAG = "mlflow.note.content"
PARENT_TAG = "mlflow.parentRunId"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StudyInfo:
    """What MLflow is told of a study."""

    name: str
    """Name of the experiment."""
    digest: str
    """Equal digests compute equal trials."""
    description: str = ""
    """Markdown that the UI shows above the runs."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further tags of the experiment (data set, model family, versions, ...)."""
    trials: Mapping[int, int] = field(default_factory=dict)
    """Trials the study asks for, per dataset size; empty if unknown."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of one metric."""

    name: str
    value: float
    step: int


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """One run as it is to stand in the store."""

    name: str
    start_ms: int
    end_ms: int
    status: str
    """FINISHED, or FAILED for a failed or diverged trial."""
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: tuple[Point, ...]
    artifact: str
    """Text of :data:`ARTIFACT`."""


def trial_key(record: TrialRecord) -> str:
    """Return what identifies a trial in the store.

    The slot and not Optuna's number: a trial that is run again after a crash gets a new number
    but is the same trial, and must not be counted twice.
    """
    return f"{record.study_digest[:16]}/{record.optuna_study}/{record.slot}"


def record_digest(record: TrialRecord) -> str:
    """Return a short digest of everything in a record but its curves, which Optuna doesn't keep."""
    return hashlib.sha256(replace(record, curve={}).to_json().encode()).hexdigest()[:16]


def size_key(digest: str, n_examples: int) -> str:
    """Return what identifies the parent run of a dataset size."""
    return f"{digest}/n={n_examples}"


def run_name(record: TrialRecord) -> str:
    """Return a name that a person recognises in a list: ``w64 d2 n1280 search 3``."""
    shape = [name for name in ("width", "depth") if name in record.params]
    parts = [f"{name[0]}{record.params[name]}" for name in shape]
    parts.append(f"n{record.n_examples}")
    ratio = record.params.get("prune_ratio", 0)
    if isinstance(ratio, int | float) and ratio > 0:
        parts.append(f"pruned {ratio:.4g}")
        if record.method not in ("", "one-shot-global"):
            parts.append(record.method)
    elif record.route not in ("trained", "pruned", ""):
        parts.append(record.route)
    parts.append(f"{record.phase} {record.trial}")
    return " ".join(parts)


def entry(record: TrialRecord) -> RunEntry:
    """Say in the store's words what a record says, with no password in it."""
    digest = record_digest(record)
    record = replace(
        record,
        reason=redact(record.reason),
        worker=redact(record.worker),
        params={
            name: redact(value) if isinstance(value, str) else value
            for name, value in record.params.items()
        },
    )
    scores = {**record.metrics, **record.sizes}
    scores.setdefault("wall_seconds", max(0.0, record.finished_at - record.started_at))
    finals = [
        Point(name=name, value=float(value), step=0) for name, value in legal_names(scores).items()
    ][:MOST_SCORES]
    start_ms = max(0, round(record.started_at * 1000))
    return RunEntry(
        name=run_name(record),
        start_ms=start_ms,
        end_ms=max(start_ms, round(record.finished_at * 1000)),
        status="FINISHED" if record.status == "complete" else "FAILED",
        tags=_tags(record, digest),
        params=_params(record),
        points=(
            *finals,
            *_curve_points(record.curve, MAX_METRICS - min(len(finals), MAX_METRICS // 2)),
        ),
        artifact=record.to_json(),
    )


def thin(points: Sequence[tuple[int, float]], most: int) -> tuple[tuple[int, float], ...]:
    """Keep at most ``most`` points, evenly, always with the first, the last and the lowest.

    Examples
    --------
    >>> thin([(0, 9.0), (1, 5.0), (2, 1.0), (3, 3.0), (4, 4.0), (5, 4.5)], 4)
    ((0, 9.0), (2, 1.0), (3, 3.0), (5, 4.5))
    """
    if len(points) <= most:
        return tuple(points)
    if most <= 0:
        return ()
    if most < 3:
        return tuple(points[-most:])
    lowest = min(range(len(points)), key=lambda index: points[index][1])
    last = len(points) - 1
    even = {round(index * last / (most - 1)) for index in range(most)}
    if lowest not in even:
        nearest = min(even - {0, last}, key=lambda index: (abs(index - lowest), index))
        even = (even - {nearest}) | {lowest}
    return tuple(points[index] for index in sorted(even))


def shorten(text: str, most: int, more: str) -> str:
    """Cut a text that is too long for the store, and say where the rest is."""
    if len(text) <= most:
        return text
    note = f"\n\n... cut here; {more}"
    return text[: most - len(note)] + note


def legal_names(values: Mapping[str, T]) -> dict[str, T]:
    """Return the mapping with names that the store accepts; clashes get a number.

    Examples
    --------
    >>> legal_names({"acc@5": 0.9, "acc_5": 0.8, "a//b": 1.0})
    {'acc_5': 0.9, 'acc_5_2': 0.8, 'a/b': 1.0}
    """
    result: dict[str, T] = {}
    for name, value in values.items():
        clean = re.sub(r"[^/\w.\- ]", "_", name, flags=re.ASCII)
        clean = posixpath.normpath(clean).lstrip("/")[:MAX_NAME]
        clean = "_" if clean in ("", ".", "..") or clean.startswith("../") else clean
        unique, number = clean, 2
        while unique in result:
            suffix = f"_{number}"
            unique, number = clean[: MAX_NAME - len(suffix)] + suffix, number + 1
        result[unique] = value
    return result


def experiment_tags(study: StudyInfo) -> dict[str, str]:
    """Return the tags of a study's experiment, its description among them."""
    tags = {
        # Without a kind the UI asks each visitor to choose one.
        "mlflow.experimentKind": "custom_model_development",
        "study": study.name,
        DIGEST_TAG: study.digest,
        **{name: redact(value)[:MAX_TAG] for name, value in study.tags.items()},
        **view_tags(),
    }
    if study.description:
        tags[NOTE_TAG] = shorten(redact(study.description), MAX_EXPERIMENT_TAG, "see the study")
    return tags


def parent_tags(
    study: StudyInfo, record: TrialRecord, n_examples: int, expected: int | None
) -> dict[str, str]:
    """Return the tags of the parent run of a dataset size, in the study that a record is of."""
    tags = {
        KIND_TAG: "size",
        SIZE_TAG: size_key(record.study_digest, n_examples),
        DIGEST_TAG: record.study_digest,
        EXPECTED_TAG: "" if expected is None else str(expected),
        "study": study.name,
        "n_examples": str(n_examples),
        "data_digest": record.data_digest,
        "mlflow.source.name": "payoff",
        NOTE_TAG: f"All trials on **{n_examples:,} training examples**, one child run each.",
    }
    return {name: value for name, value in tags.items() if value}


def _curve_points(curves: Mapping[str, Sequence[tuple[int, float]]], allowance: int) -> list[Point]:
    """Return all curves under ``curve/``, thinned so that they fit into one batch."""
    if not curves:
        return []
    most = min(MAX_CURVE_POINTS, allowance // len(curves))
    legal = legal_names({f"curve/{name}": points for name, points in curves.items()})
    return [
        Point(name=name, value=float(value), step=int(step))
        for name, points in legal.items()
        for step, value in thin(points, most)
    ]


def _params(record: TrialRecord) -> dict[str, str]:
    """Return the hyperparameters, and what else a chart may want to group by."""
    charted = {name: getattr(record, name) for name, field in FIELDS.items() if field.charted}
    legal = legal_names({**charted, **record.params})
    return {name: _text(legal[name])[:MAX_PARAM] for name in list(legal)[:MOST_SCORES]}


def _tags(record: TrialRecord, digest: str) -> dict[str, str]:
    """Return what people filter by, and what the run is found by."""
    tags = {
        TRIAL_TAG: trial_key(record),
        RECORD_TAG: digest,
        KIND_TAG: "trial",
        "mlflow.source.name": "payoff",
    }
    for name, value in vars(record).items():  # its own words and whole numbers
        field = FIELDS.get(name)
        if field is not None and field.only_if_any and value == field.default:
            continue
        if isinstance(value, str | int) and (field is None or field.logged):
            tags[field.names[0] if field else name] = str(value)
    if record.reason:
        tags[NOTE_TAG] = f"**{record.status}**: {record.reason}"
    for name, value in legal_names({**record.flags, **record.words}).items():
        tags.setdefault(name, _text(value))
    texts = {name: value[:MAX_TAG] for name, value in tags.items() if value}
    return dict(list(texts.items())[:MAX_TAGS])


def _text(value: object) -> str:
    """Return a value as people write it: true and false in lower case, numbers in full."""
    return str(value).lower() if isinstance(value, bool) else str(value)
