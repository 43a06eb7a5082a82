"""The few notes that end a run: true of the whole study, and nothing that was said already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.words.brief import brief
from tests.support.tables import study_rows

SETTINGS = AnalysisSettings(resamples=300)


def of(keep: Callable[[dict[str, Any]], bool]) -> StudyAnalysis:
    rows: list[dict[str, Any]] = [dict(row) for row in study_rows()]
    return analyse(TrialTable.from_rows(row for row in rows if keep(row)), SETTINGS)


def test_what_some_dataset_sizes_cannot_tell_is_not_said_of_every_one() -> None:
    analysis = of(lambda r: r["n_examples"] == 1600 or r["n_parameters"] <= 200)
    assert "more capacity pays off until" in analysis.sentence
    (note,) = [one for one in brief(analysis.findings) if "cannot tell" in one]
    assert note.startswith("100 and 400 examples, marginal: cannot tell")


def test_what_every_dataset_size_cannot_tell_is_one_note() -> None:
    analysis = of(lambda r: r["n_parameters"] <= 200)
    (note,) = [one for one in brief(analysis.findings) if "cannot tell" in one]
    assert note.startswith("Every dataset size, marginal: cannot tell")


def test_what_the_answer_says_is_no_note_beside_it() -> None:
    analysis = of(lambda r: r["n_examples"] < 1600 or r["n_parameters"] <= 200)
    assert "cannot be told" in analysis.sentence
    assert not any("cannot tell" in one for one in brief(analysis.findings))
