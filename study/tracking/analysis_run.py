"""The run that holds a study's verdict, and those that hold its curves of error against size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

from study.errors import StorageError
from study.redaction import keep_secret, redact, redacted
from study.tracking.entries import (
    ANALYSIS,
    CURVE,
    DIGEST_TAG,
    KIND_TAG,
    MAX_EXPERIMENT_TAG,
    MAX_TAG,
    NOTE_TAG,
    RECORD_TAG,
    StudyInfo,
    legal_names,
    shorten,
)
from study.tracking.experiment import Experiment
from study.tracking.known import FINISHED
from study.tracking.reading import asking
from study.tracking.stored import StoredRun
from study.tracking.views import CURVES, view_fragment

REPORT = "report.html"
"""The report's name in MLflow, whatever the file is called."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The verdict on a study, as it is logged."""

    markdown: str
    """The verdict; the UI shows it on the run and above the runs of the experiment."""
    figures: Sequence[Path] = ()
    """Files to keep; the first PNG or SVG is shown below the verdict."""
    json: str = ""
    """The whole analysis as JSON text."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Numbers that people compare, such as the payoff point of each size."""
    table: Path | None = None
    """The trial table that the analysis was made from."""
    curves: Mapping[int, Mapping[str, Sequence[tuple[float, float]]]] = field(default_factory=dict)
    """Per dataset size, per name (``measured``, ``fitted``, ...): (size, error) points. The UI
    charts them with the size, a whole number, as the step."""
    steps: int = 1
    """How many of these steps are one unit of size."""

    def legal(self, address: str) -> Analysis:
        """Return it as the store accepts it, with no password in it."""
        keep_secret(address)
        return replace(
            self,
            markdown=redact(self.markdown, address),
            json=_without_secrets(self.json),
            metrics=legal_names(self.metrics),
            curves={
                n_examples: {
                    name: tuple((round(size), float(error)) for size, error in points)
                    for name, points in legal_names(named).items()
                }
                for n_examples, named in self.curves.items()
            },
        )

    def digest(self) -> str:
        """Return a short digest of everything in it, the content of the files included."""
        digest = hashlib.sha256()
        numbers = json.dumps([self.metrics, self.curves], sort_keys=True)
        for text in (self.markdown, self.json, numbers):
            digest.update(hashlib.sha256(text.encode()).digest())
        for file in (*self.figures, *([] if self.table is None else [self.table])):
            digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:16]


def log_analysis(analysis: Analysis, experiment: Experiment) -> str:
    """Log the verdict to a run of its own, in the place of the one before; return its id.

    The same analysis logged twice is logged once.
    """
    analysis = analysis.legal(experiment.address)
    content = analysis.digest()
    earlier = [
        run
        for run in (*experiment.our_runs(ANALYSIS), *experiment.our_runs(CURVE))
        if run.tags[DIGEST_TAG] == experiment.study.digest
    ]
    kept = _current(earlier, content, analysis)
    run_id = kept.get(ANALYSIS, "")
    if not run_id:
        before_ms, after_ms = _study_start(experiment)
        # The curves first: an analysis that is finished has all its curves.
        _write_curves(analysis, content, experiment, after_ms)
        run_id = _write_analysis(analysis, content, experiment, before_ms)
    for run in earlier:
        if run.run_id not in kept.values():
            experiment.remove(run.run_id, finished=run.status in FINISHED)
    note = _experiment_note(analysis, experiment, run_id)
    experiment.set_note(note)
    return run_id


def log_report(address: str, experiment: str, digest: str, path: Path) -> str:
    """Keep a report, which is made after the fact, with the analysis run; return the run's id.

    The digest is the study's: others may share its name, which is the experiment's.
    """
    with asking(address, experiment) as (client, number):
        condition = f"tags.`{KIND_TAG}` = '{ANALYSIS}' and tags.{DIGEST_TAG} = '{digest}'"
        runs = client.search_runs([number], condition, max_results=1)
        if not runs:
            raise StorageError(
                f"{experiment}: MLflow has no analysis of this study yet; run the study to its end"
            )
        client.log_text(runs[0].info.run_id, path.read_text(encoding="utf-8"), REPORT)
        return str(runs[0].info.run_id)


def _current(
    earlier: Sequence[StoredRun], content: str, analysis: Analysis
) -> dict[str | int, str]:
    """Return the runs that hold this analysis already: the id of ``"analysis"``, and that of the
    curve of each dataset size; empty if any is missing."""
    found: dict[str | int, str] = {}
    for run in earlier:
        tags = run.tags
        if tags.get(RECORD_TAG) == content and run.status in FINISHED:
            name = ANALYSIS if tags[KIND_TAG] == ANALYSIS else int(tags["n_examples"])
            found.setdefault(name, run.run_id)
    return found if found.keys() == {ANALYSIS, *analysis.curves} else {}


def _study_start(experiment: Experiment) -> tuple[int, int]:
    """Return the milliseconds before and after the starts of the parents.

    What is about the whole study starts with it, so that a list sorted by time begins with it.
    """
    parents = experiment.our_runs("size")
    starts = [run.start_ms for run in parents] or [round(experiment.born * 1000)]
    return min(starts) - 1, max(starts) + 1


def _tags(study: StudyInfo, content: str) -> dict[str, str]:
    return {
        KIND_TAG: ANALYSIS,
        RECORD_TAG: content,
        DIGEST_TAG: study.digest,
        "study": study.name,
        "mlflow.source.name": "payoff",
    }


def _write_curves(analysis: Analysis, content: str, experiment: Experiment, start_ms: int) -> None:
    """Make a run for the curve of each dataset size, in a list after the parents."""
    for rank, (n_examples, named) in enumerate(sorted(analysis.curves.items())):
        tags = {
            **_tags(experiment.study, content),
            KIND_TAG: CURVE,
            "n_examples": str(n_examples),
            NOTE_TAG: f"Error against size with **{n_examples:,} training examples**: "
            "in the charts of this run the step is the size of the model"
            + ("." if analysis.steps == 1 else f", times {analysis.steps:,}."),
        }
        run = experiment.create_run(f"curve n={n_examples}", start_ms + rank, tags)
        points = [
            (f"error_by_size/{name}", error, round(size))
            for name, curve in named.items()
            for size, error in curve
        ]
        experiment.log_metrics(run.run_id, points)
        experiment.client.set_terminated(run.run_id, "FINISHED")


def _write_analysis(analysis: Analysis, content: str, experiment: Experiment, start_ms: int) -> str:
    """Make the run of an analysis, whole, and return its id."""
    client = experiment.client
    run = experiment.create_run(ANALYSIS, start_ms, _tags(experiment.study, content))
    run_id = str(run.run_id)
    for figure in analysis.figures:
        client.log_artifact(run_id, str(figure), "figures")
    if analysis.table is not None:
        client.log_artifact(run_id, str(analysis.table))
    client.log_text(run_id, analysis.markdown, "verdict.md")
    if analysis.json:
        client.log_text(run_id, analysis.json, "analysis.json")
    experiment.log_metrics(run_id, ((name, v, 0) for name, v in analysis.metrics.items()))
    client.set_tag(run_id, NOTE_TAG, _note(analysis, run_id))
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _note(analysis: Analysis, run_id: str) -> str:
    """Return what the UI shows on its run: the verdict's first words, the figure, the rest."""
    picture = _picture(analysis.figures, run_id)
    text = shorten(analysis.markdown, MAX_TAG - len(picture), "whole in verdict.md")
    first, _, rest = text.partition("\n\n")
    return f"{first}{picture}\n\n{rest}".rstrip()


def _experiment_note(analysis: Analysis, experiment: Experiment, run_id: str) -> str:
    """Return what the UI shows above the runs: the verdict first, whose first line is all
    that the list of experiments shows, then the figure and the question."""
    number, question = experiment.number, experiment.study.description
    chart = view_fragment(number, CURVES).removeprefix("/")
    tail = _picture(analysis.figures, run_id)
    page = f"#/experiments/{number}/runs/{run_id}?workflowType=machine_learning"
    tail += f"\n\n[The whole analysis]({page})"
    tail += f" · [Error against size as charts]({chart})"
    if question:
        tail += f"\n\n**The question:** {redact(question)}"
    room = MAX_EXPERIMENT_TAG - len(tail)
    return shorten(analysis.markdown, room, "whole in the analysis run") + tail


def _picture(figures: Sequence[Path], run_id: str) -> str:
    """Return the Markdown that shows the first figure that a browser can draw."""
    for figure in figures:
        if figure.suffix.lower() in (".png", ".svg"):
            place = urlencode({"path": f"figures/{figure.name}", "run_uuid": run_id})
            return f"\n\n![{figure.stem}](get-artifact?{place})"
    return ""


def _without_secrets(text: str) -> str:
    """Return JSON with its texts redacted; as it is where they hold no secret."""
    return text if redact(text) == text else json.dumps(redacted(json.loads(text)), indent=2)
