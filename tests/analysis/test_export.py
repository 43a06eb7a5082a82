"""Exports: complete, legal LaTeX, and the same bytes twice."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, TrialTable, analyse, read_table
from analysis.export import export_study
from analysis.export.latex import escape, macros, payoff_table, spelt
from analysis.study import StudyAnalysis
from tests.analysis.test_study import study_rows


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyAnalysis, TrialTable, Path]:
    table = TrialTable.from_rows(study_rows(pruned=True))
    analysis = analyse(table, AnalysisSettings(rule="plateau", resamples=400))
    folder = tmp_path_factory.mktemp("paper")
    export_study(analysis, table, folder)
    return analysis, table, folder


def test_the_same_study_gives_the_same_bytes(
    exported: tuple[StudyAnalysis, TrialTable, Path], tmp_path: Path
) -> None:
    _, table, folder = exported
    again = analyse(table, AnalysisSettings(rule="plateau", resamples=400))
    written = export_study(again, table, tmp_path)
    assert len(written) == 15
    assert sorted(p.name for p in written) == sorted(p.name for p in folder.iterdir())
    for path in written:
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_the_trials_read_back(exported: tuple[StudyAnalysis, TrialTable, Path]) -> None:
    _, table, folder = exported
    assert repr(read_table(folder / "trials.csv").to_rows()) == repr(table.to_rows())


def test_curves_have_both_bands_on_a_dense_grid(
    exported: tuple[StudyAnalysis, TrialTable, Path],
) -> None:
    analysis, _, folder = exported
    with (folder / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(fit.draws.n_inside for fit in analysis.fits if fit.draws is not None)
    low, mid, high, run = (
        np.array([float(row[name]) for row in rows])
        for name in ("mean_low", "error", "mean_high", "run_high")
    )
    assert (low < mid).all() and (mid < high).all() and (high < run).all()
    assert json.loads((folder / "curves.json").read_text())[0]["n_examples"] == 100


def test_the_table_is_booktabs_with_balanced_columns(
    exported: tuple[StudyAnalysis, TrialTable, Path],
) -> None:
    text = payoff_table(exported[0])
    assert text.startswith(r"\begin{tabular}{rllrl}")
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1
    lines = [line for line in text.splitlines() if "&" in line]
    assert len(lines) == 10
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {4}
    assert not re.search(r"(?<!\\)[%_#]", text)


def test_macros_have_legal_unique_names_and_the_table_s_numbers(
    exported: tuple[StudyAnalysis, TrialTable, Path],
) -> None:
    analysis = exported[0]
    found = re.findall(r"^\\newcommand\{\\([^}]*)\}\{(.*)\}$", macros(analysis), re.MULTILINE)
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[A-Za-z]+", name) for name in names)
    assert dict(found)["payoffPlateauNOneSixZeroZeroVerdict"] == "pays off until"
    assert dict(found)["payoffTrials"] == "288"


def test_special_letters_are_made_plain() -> None:
    assert escape(r"a_b 5% \x {y}") == r"a\_b 5\% \textbackslash{}x \{y\}"
    assert spelt(407) == "FourZeroSeven"
