"""The end of a run: analyse, write, show, and bring MLflow level with it."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from study.errors import StorageError, writing
from study.handover.results import analyse_study, write_results
from study.handover.told import Answer, Told, basis, is_decided, keep, told_before
from study.launch.job import Job, Outcome
from study.launch.locking import concluding
from study.record import TrialRecord
from study.redaction import redact
from study.spec.study_file import StudySpec
from study.tracking.analysis_run import Analysis
from study.tracking.delivery import DeliveryReport, restore
from study.trials import latency
from study.trials.laboratory import Laboratory

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

CHART_POINTS = 40
"""Points of a fitted curve in the MLflow UI."""

LEAST_DIGITS = 4
"""Of a size in a chart there, where sizes are no whole numbers."""

CREATION_SECONDS = 300.0
"""How long the local tracking database may take to be made, on a slow disk."""

QUIET_SECONDS = 2.0
"""A wait that is longer is announced."""

PATIENCE_SECONDS = 10.0
"""How long the end of a run waits for MLflow while nothing goes through."""

SHORT_FLUSH_SECONDS = 20.0
"""How long an interrupted run logs on at most; what is left waits on disk."""


def conclude(job: Job, show: Callable[[Told], object]) -> Outcome:
    """Analyse the finished study, write its files, show what they tell, and log it last.

    One process at a time does so for a study: the results are written by one, and logged once.
    What was told before of the same trials is told again.
    """
    with concluding(job.places, job.spec.name):
        try:
            analysis, told = _analyse(job)
        except Exception:
            _log(job)  # no analysis is no reason to leave runs that look alive
            raise
        show(told)
        interrupted = job.stop.is_set()  # from now on, Ctrl-C only leaves what MLflow lacks
        report = _log(job, told)
    return replace(_outcome(job, report, told, interrupted=interrupted), analysis=analysis)


def _analyse(job: Job) -> tuple[StudyAnalysis | None, Told]:
    """Analyse the study and write its results; in a process beside, if one is ready.

    No analysis where the same was told before and that is enough.
    """
    records, directory = _measured(job), job.places.results(job.spec.name)
    follows_from = basis(job.spec, records)
    if not job.whole and (before := told_before(directory, follows_from)) is not None:
        return None, before
    found = job.analyst.analyse(job.spec, records, directory)
    if found is None:
        analysis, table = analyse_study(job.spec, records, again=job.again)
        found = analysis, write_results(analysis, table, directory)
    analysis, figures = found
    told = tell(analysis, figures, job.spec)
    with writing(directory, "make room, or choose another folder with --root"):
        keep(told, directory, follows_from)
    return analysis, told


def tell(analysis: StudyAnalysis, figures: Sequence[Path], spec: StudySpec) -> Told:
    """Return all that is told of an analysis, with figures that were written."""
    return Told(
        answer=Answer.of(analysis),
        decided=is_decided(analysis, spec),
        markdown=analysis.markdown(),
        json=json.dumps(analysis.to_json(), indent=2, sort_keys=True, allow_nan=False),
        figures=tuple(figure.name for figure in figures),
        metrics=analysis.metrics(),
        size_metrics=dict(payoff_metrics(analysis)),
        curves=chart_curves(analysis),
        steps=chart_steps(analysis),
    )


def _measured(job: Job) -> tuple[TrialRecord, ...]:
    """Return the records with what was measured apart from the training, now if so asked.

    All workers have ended: the core is as idle as it will be.
    """
    records = job.patience.insist(job.keeper.store.records)
    file = latency.latency_file(job.places, job.spec.name)
    if job.spec.run.latency and not job.spec.training.function:
        names = {latency.architecture(record) for record in records if record.status == "complete"}
        if not names <= latency.measured(file).keys():
            job.view.say(f"timing {len(names)} architectures")
            laboratory = Laboratory(job.spec, cache=job.places.cache)
            latency.write_latencies(file, latency.measure_latencies(laboratory, records))
    return latency.with_latency(records, file)


def _log(job: Job, told: Told | None = None) -> DeliveryReport:
    """Bring MLflow level with the finished study; what can't be logged is said, and stays."""
    announced_from = time.monotonic() + QUIET_SECONDS

    def announce(report: DeliveryReport) -> None:
        nonlocal announced_from
        if report.waiting and time.monotonic() > announced_from:
            announced_from = math.inf  # once
            waiting = f"{report.waiting} trials wait for MLflow"
            job.view.say(f"{waiting}; Ctrl-C leaves them for: payoff sync")

    if not job.spec.storage.mlflow:
        job.thread.wait_until_ready(CREATION_SECONDS, job.stop.is_set)
    report = job.thread.flush(PATIENCE_SECONDS, give_up=job.stop.is_set, on_progress=announce)
    trouble = report.error
    if report.hangs:
        trouble = trouble or f"MLflow at {redact(job.tracker.address)} does not answer"
    elif not (report.waiting and trouble):
        try:
            job.tracker.initialise()
            if not report.waiting:
                spool, records = job.keeper.spool, job.keeper.store.records()
                restored = restore(job.tracker, spool, records, patience=PATIENCE_SECONDS)
                report = replace(report, waiting=restored.waiting, hangs=restored.hangs)
            if not report.hangs:
                _log_results(job, told)
            trouble = restored.error if report.hangs else ""
        except StorageError as error:
            trouble = str(error)
    if trouble and told is not None:
        job.view.say(
            f"the analysis is on disk, but not in MLflow: {trouble}; log it later: {job.again}"
        )
    return report


def _log_results(job: Job, told: Told | None) -> None:
    """Close the parents, and log what is told of the analysis if there is one."""
    if told is None:
        job.tracker.finish()
        return
    results = job.places.results(job.spec.name)
    job.tracker.finish(told.size_metrics)
    job.tracker.log_analysis(
        Analysis(
            markdown=told.markdown,
            figures=[results / name for name in told.figures],
            json=told.json,
            metrics=told.metrics,
            table=results / "trials.csv",
            curves=told.curves,
            steps=told.steps,
        )
    )


def break_off(job: Job) -> Outcome:
    """Log what there is time for, and leave no parent run looking alive."""
    end = time.monotonic() + SHORT_FLUSH_SECONDS
    report = job.thread.flush(PATIENCE_SECONDS, give_up=lambda: time.monotonic() > end)
    if not report.hangs and not (report.waiting and report.error):
        with contextlib.suppress(StorageError):
            job.tracker.finish()
    return _outcome(job, report, None, interrupted=True)


def _outcome(job: Job, report: DeliveryReport, told: Told | None, *, interrupted: bool) -> Outcome:
    counts = job.keeper.store.counts()
    return Outcome(
        told=told,
        trials=counts.finished,
        failed=counts.failed,
        not_logged=report.waiting,
        interrupted=interrupted,
    )


def payoff_metrics(analysis: StudyAnalysis) -> dict[int, dict[str, float]]:
    """Return, per dataset size, the payoff points and the best shape that its parent run shows."""
    from analysis.table.trials import UNKNOWN
    from analysis.words.shape_rows import shape_metrics

    found: dict[int, dict[str, float]] = defaultdict(dict)
    for row in analysis.numbers():
        if row["n_examples"] is not None and row["verdict"] in ("pays_off_until", "hurts_beyond"):
            found[int(row["n_examples"])][f"{row['rule']}_size"] = float(row["size"])
    for n_examples, numbers in shape_metrics(analysis).items():
        if n_examples != UNKNOWN:
            found[int(n_examples)] |= numbers
    return found


def chart_steps(analysis: StudyAnalysis) -> int:
    """Return how many steps of a chart one unit of size is: a power of ten.

    Steps are whole numbers; sizes such as seconds are not, and keep four digits.
    """
    sizes = np.concatenate([fit.curve.size for fit in analysis.fits])
    if not len(sizes) or (sizes == np.round(sizes)).all():
        return 1
    return int(10 ** max(0, LEAST_DIGITS - 1 - math.floor(math.log10(sizes.min()))))


def chart_curves(analysis: StudyAnalysis) -> dict[int, dict[str, list[tuple[int, float]]]]:
    """Return measured and fitted curves for the charts of the MLflow UI, sizes as their steps."""
    steps = chart_steps(analysis)
    curves: dict[int, dict[str, list[tuple[int, float]]]] = {}
    for fit in analysis.fits:
        if not len(fit.curve):
            continue
        low, high = float(fit.curve.size.min()), float(fit.curve.size.max())
        measured = sorted(zip(fit.curve.size.tolist(), fit.shown(fit.curve.error), strict=True))
        curves[int(fit.curve.n_examples)] = named = {
            "measured": [(round(steps * size), float(error)) for size, error in measured]
        }
        if fit.draws is not None:
            grid = np.unique(np.round(steps * np.geomspace(low, high, CHART_POINTS)))
            errors = fit.predict(np.clip(grid / steps, low, high))
            named["fitted"] = [(int(at), float(e)) for at, e in zip(grid, errors, strict=True)]
    return curves
