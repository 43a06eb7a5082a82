"""What a finished study told, kept beside its results and told again while nothing has changed.

To analyse a study and to draw its figures takes seconds; the same trials under the same settings
and the same code give the same to the byte. So what was told is kept with a digest of all that it
follows from, and with one of each file that it came with: a trial, a setting, a version or a file
that is another, or is gone, and the study is analysed anew. What is read is text and numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from study.handover.report_source import installed
from study.handover.results import settings_of
from study.record import TrialRecord
from study.spec.study_file import StudySpec

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

KEPT = "told.json"
"""The file's name, among the results."""

FILES = ("verdict.md", "payoff.json", "trials.csv")
"""What stands beside it always."""

LIBRARIES = ("numpy", "scipy", "matplotlib", "kneed")
"""Whose versions may change a digit or a picture."""

PACKAGES = ("analysis", "search_spaces", "study")

Curves = Mapping[int, Mapping[str, Sequence[tuple[int, float]]]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a terminal is shown of an analysis."""

    sentence: str
    rows: tuple[Mapping[str, str], ...]
    """The payoff points, a row for each dataset size and rule."""
    notes: tuple[str, ...]
    brief: tuple[str, ...]
    """The notes that stand there unless all are asked for."""

    @classmethod
    def of(cls, analysis: StudyAnalysis) -> Answer:
        """Word an analysis."""
        from analysis.words.brief import brief
        from analysis.words.kinds import notes

        return cls(
            sentence=analysis.sentence,
            rows=tuple(analysis.rows()),
            notes=tuple(notes(analysis.findings)),
            brief=tuple(brief(analysis.findings)),
        )


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that a run tells of a study's analysis: to whoever started it, and to MLflow."""

    answer: Answer
    decided: bool
    """Whether no dataset size asks for more runs."""
    markdown: str
    json: str
    figures: tuple[str, ...]
    """Names of files among the results."""
    metrics: Mapping[str, float]
    size_metrics: Mapping[int, Mapping[str, float]]
    """Of the parent run of each dataset size."""
    curves: Curves
    steps: int
    """How many steps of these curves are one unit of size."""


def is_decided(analysis: StudyAnalysis, spec: StudySpec) -> bool:
    """Whether no dataset size asks for more runs: each has a narrow interval, within the range."""
    from analysis.design.candidates import Target
    from analysis.design.standings import standing

    target = Target(n_examples=tuple(map(float, spec.decide.sizes)), factor=spec.decide.target)
    found = standing(analysis.fits, target)
    return all(one.state == "decided" and one.kind != "still_paying" for one in found)


def basis(spec: StudySpec, records: Iterable[TrialRecord]) -> str:
    """Return a digest of all that a study's results follow from: trials, settings, code."""
    digest = hashlib.sha256(repr((settings_of(spec), spec.decide)).encode())
    digest.update(json.dumps(installed(LIBRARIES), sort_keys=True).encode())
    for package in PACKAGES:
        found = find_spec(package)
        for place in sorted(found.submodule_search_locations or ()) if found else ():
            for file in sorted(Path(place).rglob("*.py")):
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    for record in records:
        digest.update(record.to_json().encode() + b"\n")
    return digest.hexdigest()


def keep(told: Told, directory: Path, followed_from: str) -> None:
    """Write what was told beside the results that it came with."""
    content = {
        "basis": followed_from,
        "files": _digests(directory, told.figures),
        "told": {**vars(told), "answer": vars(told.answer), "markdown": "", "json": ""},
    }
    unfinished = directory / f".{KEPT}.writing"
    unfinished.write_text(json.dumps(content, default=_plain), encoding="utf-8")
    unfinished.replace(directory / KEPT)


def told_before(directory: Path, follows_from: str) -> Told | None:
    """Return what was told of the same trials, if it and its files are still there."""
    try:
        content: dict[str, Any] = json.loads((directory / KEPT).read_text(encoding="utf-8"))
        told = content["told"]
        same = content["basis"] == follows_from
        if not same or content["files"] != _digests(directory, told["figures"]):
            return None
        answer = told["answer"]
        return Told(
            answer=Answer(
                sentence=answer["sentence"],
                rows=tuple(answer["rows"]),
                notes=tuple(answer["notes"]),
                brief=tuple(answer["brief"]),
            ),
            decided=told["decided"],
            markdown=(directory / "verdict.md").read_text(encoding="utf-8"),
            json=(directory / "payoff.json").read_text(encoding="utf-8").rstrip("\n"),
            figures=tuple(told["figures"]),
            metrics=told["metrics"],
            size_metrics={int(n): some for n, some in told["size_metrics"].items()},
            curves={
                int(n): {name: [(at, error) for at, error in curve] for name, curve in some.items()}
                for n, some in told["curves"].items()
            },
            steps=told["steps"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # it was never told, or by another version


def _digests(directory: Path, figures: Iterable[str]) -> dict[str, str]:
    return {
        name: hashlib.sha256((directory / name).read_bytes()).hexdigest()
        for name in (*FILES, *figures)
    }


def _plain(value: object) -> object:
    """Return a number of NumPy's as one of Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not kept")
