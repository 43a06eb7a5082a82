"""Verdicts that cannot be told: what holds for several of them is said once."""

from __future__ import annotations

from collections.abc import Collection

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.words.kinds import notes
from tests.support.tables import study_rows


def of_few_sizes(examples: Collection[object]) -> StudyAnalysis:
    """A study that has three sizes where it has so many examples, and all elsewhere."""
    rows = [
        row
        for row in study_rows()
        if row["n_examples"] not in examples or float(str(row["width"])) <= 8
    ]
    return analyse(TrialTable.from_rows(rows), AnalysisSettings(resamples=100))


def untold(analysis: StudyAnalysis) -> list[str]:
    return [note for note in notes(analysis.findings) if "there are only 3 sizes" in note]


def test_a_reason_that_holds_for_all_is_said_once_and_stands_in_every_row() -> None:
    analysis = of_few_sizes((100, 400, 1600))
    (said,) = untold(analysis)
    assert said.startswith("Every dataset size, every rule: cannot tell: there are only 3 sizes")
    assert [row["verdict"] for row in analysis.rows()].count("cannot tell") == 9
    assert len(list(analysis.found("cannot_tell"))) == 9


def test_a_reason_of_some_dataset_sizes_names_them() -> None:
    (said,) = untold(of_few_sizes((100, 400)))
    assert said.startswith("100 and 400 examples, every rule: cannot tell: ")
    (said,) = untold(of_few_sizes((400,)))
    assert said.startswith("400 examples, every rule: cannot tell: ")
