"""Exports: complete, legal LaTeX, one source of numbers, and the same bytes twice."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, TrialTable, analyse, read_table
from analysis.errors import AnalysisError
from analysis.export import export_study
from analysis.export.checklist import UNANSWERED, checklist, held_out
from analysis.export.entries import cell_entries, growth_entry, payoff_entries
from analysis.export.facts import AxisFacts, StudyFacts
from analysis.export.latex import escape, macros
from analysis.export.methods import SAMPLERS, bibliography, cited, entries, methods
from analysis.export.tables import payoff_table
from analysis.plots.venues import VENUES
from analysis.study import StudyAnalysis
from tests.analysis.routes.test_findings import regularised_table
from tests.support.tables import study_rows

FACTS = StudyFacts(
    name="clean_study",
    digest="0" * 64,
    seed=3,
    data="digits",
    references={
        "alpaydin1998digits": "@misc{alpaydin1998digits,\n  title = {Handwritten Digits},\n"
        "  author = {Alpaydin, E. and Kaynak, C.},\n  year = {1998},\n}"
    },
    model="multilayer perceptrons",
    sizes=(100, 400, 1600),
    axes=(
        AxisFacts(name="width", role="scientific", values=(2, 4, 8)),
        AxisFacts(name="learning_rate", role="nuisance", low=1e-3, high=3e-2, log=True),
        AxisFacts(name="l1", role="fixed", values=(0.0,)),
    ),
    search_trials=5,
    sampler="halton",
    draws=3,
    seeds_per_draw=1,
    training={
        "optimizer": "adamw", "batch_size": 64, "epochs": 30, "min_steps": 400,
        "warmup_fraction": 0.05, "schedule": "cosine", "select": "best",
    },
    pruning={"fine_tune_fraction": 0.3},
    versions={"payoff": "0.1.0", "optuna": "5.0.0", "mlflow": "3.17.2", "torch": "2.14.1"},
    commands=("payoff run study.toml",),
)  # fmt: skip

Exported = tuple[StudyAnalysis, TrialTable, Path]

SETTINGS = AnalysisSettings(rule="plateau", resamples=200)


@pytest.fixture(scope="module")
def table() -> TrialTable:
    return TrialTable.from_rows(study_rows(pruned=True))


@pytest.fixture(scope="module")
def analysed(table: TrialTable) -> StudyAnalysis:
    return analyse(table, SETTINGS)


@pytest.fixture(scope="module")
def exported(
    table: TrialTable, analysed: StudyAnalysis, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    folder = tmp_path_factory.mktemp("paper")
    export_study(analysed, table, folder, facts=FACTS)
    return analysed, table, folder


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    _, table, folder = exported
    again = analyse(table, SETTINGS)
    written = export_study(again, table, tmp_path, facts=FACTS)
    assert {"macros.tex", "methods.md", "checklist.tex", "references.bib", "provenance.json",
            "cells.csv", "payoff.md"} <= {path.name for path in written}  # fmt: skip
    for path in written:
        name = path.relative_to(tmp_path)
        assert path.read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.slow
def test_the_trials_read_back(exported: Exported) -> None:
    _, table, folder = exported
    assert repr(read_table(folder / "trials.csv").to_rows()) == repr(table.to_rows())


@pytest.mark.slow
def test_curves_have_both_bands_on_a_dense_grid(exported: Exported) -> None:
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


def test_the_table_is_booktabs_with_balanced_columns(analysed: StudyAnalysis) -> None:
    text = payoff_table(analysed).to_latex()
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{rllrlr}"):
        assert text.count(rule) == 1
    lines = [line for line in text.splitlines() if "&" in line]
    assert len(lines) == 10
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {5}


@pytest.mark.slow
def test_a_number_is_the_same_wherever_it_stands(exported: Exported) -> None:
    analysis, _, folder = exported
    numbers = json.loads((folder / "analysis.json").read_text())["payoff"]
    assert numbers == analysis.to_json()["payoff"]
    with (folder / "payoff.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    markdown = (folder / "payoff.md").read_text()
    latex = (folder / "payoff.tex").read_text()
    text = (folder / "macros.tex").read_text()
    placed = 0
    for number, row, entry in zip(numbers, rows, payoff_entries(analysis), strict=True):
        assert float(row["probability"]) == number["probability"]
        if number["size"] is None or entry.size is None:
            continue
        placed += 1
        assert (float(row["size"]), float(row["low"])) == (number["size"], number["low"])
        quoted = row["quoted_size"]
        assert _read(quoted) == pytest.approx(number["size"], rel=0.2)
        assert abs(_read(quoted) - number["size"]) <= 0.5001 * _last_digit(quoted)
        assert f"| {quoted} | {row['quoted_interval']} |" in markdown
        assert rf"\num{{{quoted}}}" in latex
        assert (
            rf"\payoff@set{{point}}{{{number['rule']}}}{{{entry.key}}}{{\num{{{quoted}}}}}" in text
        )
    assert placed >= 3


def _read(quoted: str) -> float:
    return float(re.sub(r"\(.*?\)", "", quoted))


def _last_digit(quoted: str) -> float:
    mantissa, _, power = re.sub(r"\(.*?\)", "", quoted).partition("e")
    return float(10.0 ** (int(power or 0) - len(mantissa.partition(".")[2])))


def test_cells_quote_the_curve_s_own_points(analysed: StudyAnalysis) -> None:
    entries = cell_entries(analysed)
    errors = np.concatenate([fit.curve.error for fit in analysed.fits])
    np.testing.assert_array_equal([entry.error.value for entry in entries], errors)
    assert all(entry.error.low < entry.error.value < entry.error.high for entry in entries)


def test_the_methods_tell_the_study_s_own_figures(analysed: StudyAnalysis) -> None:
    text = methods(analysed, FACTS, "markdown")
    for words in (
        "288 models", "100, 400 and 1,600 training examples", "5 trials", "width (2, 4, 8)",
        "learning rate (log-uniform on 0.001–0.03)", "3 independent subset draws", "within 10%",
        "216 pruned models", "@akiba2019optuna", "30% of the training steps",
    ):  # fmt: skip
        assert words in text, words
    assert "retrained the winner on" in text
    latex = methods(analysed, FACTS, "latex")
    assert r"\num{288} models" in latex
    assert not re.search(r"(?<!\\)[%#_]", re.sub(r"\\cite\{.*?\}", "", latex))


def test_the_methods_tell_that_winners_come_from_a_model(analysed: StudyAnalysis) -> None:
    facts = dataclasses.replace(FACTS, winner="pooled")
    text = methods(analysed, facts, "markdown")
    assert "retrained the values at which a Gaussian process of all search trials" in text
    keys = cited(facts, analysed.settings)
    assert "rasmussen2006gaussian" in keys
    assert len(set(keys)) == len(keys)


def test_without_a_study_file_the_methods_say_what_the_trials_tell(analysed: StudyAnalysis) -> None:
    assert methods(analysed, None, "markdown").startswith("For each dataset size")
    assert any(UNANSWERED in group.values() for group in checklist(analysed, None).values())


def test_of_a_stranger_s_table_nothing_is_said_that_it_does_not_tell() -> None:
    sizes = 100.0 * 2.0 ** np.arange(6)
    rows = [
        {"n_parameters": size, "test_error": 0.1 + 5.0 / size + 0.001 * seed, "seed": seed}
        for size in sizes
        for seed in range(3)
    ]
    found = analyse(TrialTable.from_rows(rows), AnalysisSettings(resamples=200))
    answers = {k: v for group in checklist(found, None).values() for k, v in group.items()}
    assert answers["Were runs trained to their end?"] == UNANSWERED
    assert "biases" not in answers["Which sizes, counted how?"]
    assert "chose nothing" not in answers["What is scored, on what?"]
    assert "last step" not in methods(found, None, "markdown")


def test_the_checklist_is_filled_in(analysed: StudyAnalysis) -> None:
    groups = checklist(analysed, FACTS)
    assert set(groups) == {"The law", "Training", "Data points", "Fit"}
    answers = {asked: answer for group in groups.values() for asked, answer in group.items()}
    assert all(answer and answer != UNANSWERED for answer in answers.values())
    assert "5 search trials" in answers["What was tuned, and how much for each size?"]
    assert "216 pruned models" in answers["What was left out, and why?"]
    assert "forecast" in answers["How well does it extrapolate?"]


def test_the_extrapolation_score_hides_two_doublings(analysed: StudyAnalysis) -> None:
    fit = analysed.fits[0]
    score = held_out(fit)
    assert score is not None
    assert score.known < fit.curve.size[-1] / 4
    assert score.hidden == int((fit.curve.size >= fit.curve.size[-1] / 4).sum())
    assert 0.0 < score.error < 0.5


@pytest.mark.slow
def test_every_citation_has_an_entry_and_every_entry_is_cited(exported: Exported) -> None:
    folder = exported[2]
    used = set()
    for name in ("methods.tex", "checklist.tex"):
        for keys in re.findall(r"\\cite\{(.*?)\}", (folder / name).read_text()):
            used |= set(keys.split(","))
    given = set(re.findall(r"@\w+\{(\w+),", (folder / "references.bib").read_text()))
    assert used == given == set(cited(FACTS, exported[0].settings))
    assert {key for _, key in SAMPLERS.values()} <= set(entries())
    everything = "".join(entries().values()) + bibliography(FACTS, exported[0].settings)
    assert everything.count("{") == everything.count("}")


@pytest.mark.slow
def test_provenance_names_every_file_and_no_date_or_place(exported: Exported) -> None:
    folder = exported[2]
    text = (folder / "provenance.json").read_text()
    found = json.loads(text)
    files = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {"provenance.json"}
    assert set(found["sha256"]) == files
    assert found["study"]["seed"] == 3
    assert str(folder) not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_special_letters_are_made_plain() -> None:
    assert escape(r"a_b 5% \x {y}") == r"a\_b 5\% \textbackslash{}x \{y\}"


def test_an_unknown_venue_is_refused_with_the_nearest_name(
    table: TrialTable, analysed: StudyAnalysis, tmp_path: Path
) -> None:
    with pytest.raises(AnalysisError, match=r"venue: .*neurips"):
        export_study(analysed, table, tmp_path, venue="neurip")


def test_growth_is_quoted_with_its_uncertainty(analysed: StudyAnalysis) -> None:
    growth = growth_entry(analysed)
    assert growth is not None
    assert growth.full.count("(") == 1
    assert r"\payoff@set{value}{study}{growth}" in macros(analysed)


def _latex(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", name],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


@pytest.mark.latex
@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES)
def test_everything_compiles_in_a_document_of_each_venue(
    exported: Exported, venue: str, tmp_path: Path
) -> None:
    analysis, table, _ = exported
    export_study(analysis, table, tmp_path, facts=FACTS, venue=venue, formats=("pdf", "pgf"))
    assert _latex(tmp_path, "example").returncode == 0
    bibtex = subprocess.run(
        ["bibtex", "example"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert bibtex.returncode == 0, bibtex.stdout
    assert "Warning" not in bibtex.stdout
    _latex(tmp_path, "example")
    said = _latex(tmp_path, "example")
    assert said.returncode == 0, said.stdout[-3000:]
    log = (tmp_path / "example.log").read_text(errors="replace")
    assert "undefined" not in log
    assert "figures/size_error.pgf" in log
    over = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert all(points < 5.0 for points in over), over


@pytest.mark.latex
def test_figures_are_read_as_pdf_where_there_is_no_pgf(exported: Exported, tmp_path: Path) -> None:
    analysis, table, _ = exported
    export_study(analysis, table, tmp_path, facts=FACTS, formats=("pdf",))
    said = _latex(tmp_path, "example")
    assert said.returncode == 0, said.stdout[-3000:]
    assert "figures/size_error.pdf" in (tmp_path / "example.log").read_text(errors="replace")


@pytest.mark.latex
def test_an_unknown_key_stops_latex_and_names_the_known_ones(
    exported: Exported, tmp_path: Path
) -> None:
    shutil.copy(exported[2] / "macros.tex", tmp_path)
    document = (
        r"\documentclass{article}\input{macros}\begin{document}"
        r"\section{\payoffPoint{n1600} and \payoffInterval[marginal]{n400}}%s\end{document}"
    )
    (tmp_path / "good.tex").write_text(document % "")
    good = _latex(tmp_path, "good")
    assert good.returncode == 0, good.stdout[-2000:]
    (tmp_path / "bad.tex").write_text(document % r"\payoffPoint{n1601}")
    bad = _latex(tmp_path, "bad")
    assert bad.returncode != 0
    assert "n1601" in bad.stdout
    assert "n100,n400,n1600" in re.sub(r"\s|\(payoff\)", "", bad.stdout)


@pytest.mark.slow
def test_what_regularisation_is_worth_is_a_table(tmp_path: Path) -> None:
    table = regularised_table(0.15)
    analysis = analyse(table, AnalysisSettings(resamples=200))
    export_study(analysis, table, tmp_path, formats=("pdf",))
    ((n, gain),) = analysis.regularisation[0].by_data
    text = (tmp_path / "regularisation.md").read_text()
    assert f"| dropout | {n:,} | 6 of 6 | {100 * gain.gain:.0f}% |" in text
    latex = (tmp_path / "regularisation.tex").read_text()
    assert rf"dropout & \num{{{n}}} &" in latex and not re.search(r"(?<!\\)%(?!\n)", latex)
    with (tmp_path / "regularisation_by_data.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["gain"]) == gain.gain
    assert "regularisation" in (tmp_path / "example.tex").read_text()
    if shutil.which("pdflatex"):
        said = _latex(tmp_path, "example")
        assert said.returncode == 0, said.stdout[-3000:]
