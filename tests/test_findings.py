"""Every kind of finding is told in every output, and only by its words."""

from __future__ import annotations

import ast
import io
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from rich.console import Console

from analysis.curves.ladders import Shape
from analysis.export import export_study
from analysis.export.checklist import checklist
from analysis.findings import (
    PLACES,
    ExclusionKind,
    Finding,
    Kind,
    NextStep,
    Reason,
    ReasonKind,
    StepKind,
    VerdictKind,
)
from analysis.fitted import CurveFit
from analysis.laws.solution import REASONS as REASONS_OF_FITS
from analysis.laws.solution import Status
from analysis.report import report_html
from analysis.report.checks import hold_out
from analysis.settings import AnalysisSettings
from analysis.study import StudyAnalysis, analyse
from analysis.table.trials import TrialTable
from analysis.tuning.best_values import study_best_values
from analysis.tuning.sensitivity import Seen
from analysis.verdicts.decide import PLACED
from analysis.words.counts import EXCLUSIONS
from analysis.words.kinds import WORDS, tell
from analysis.words.reasons import REASONS, STEPS, what_next, why
from analysis.words.told import Told
from analysis.words.tuning import MORE_PAYS, SEEN, tuned_enough
from analysis.words.verdicts import PLACES as PLACED_AS
from analysis.words.verdicts import SHORT, VERDICTS
from study.cli.verdict import print_verdict
from tests.analysis.export.test_export import FACTS
from tests.analysis.routes.test_findings import distilled_rows, pruned_rows, regularised_table
from tests.analysis.tuning.test_longer import longer_rows
from tests.analysis.tuning.test_sensitivity import search_rows
from tests.analysis.words.test_remarks import table_with
from tests.support.house import ROOT
from tests.support.searches import DEFAULTS, Search
from tests.support.tables import shaped_rows, study_rows

SETTINGS = AnalysisSettings(rule="plateau", resamples=100)


def kinds_of(literal: Any) -> set[str]:
    """The words of a type that is made of Literals."""
    return {
        word for arg in get_args(literal) for word in (kinds_of(arg) if get_args(arg) else {arg})
    }


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study with findings of every kind, and the trials that draw its curves."""

    analysis: StudyAnalysis
    table: TrialTable


def two_curves() -> TrialTable:
    """A stranger's table with a shape that no column names."""
    size = np.geomspace(1e3, 1e6, 14)
    error = (0.05 + 0.4 * (size / 1e3) ** -0.4) * np.where(np.arange(14) % 2, 1.4, 1.0)
    rows = zip(size.tolist(), error.tolist(), strict=True)
    return TrialTable.from_rows([{"n_parameters": n, "test_error": e} for n, e in rows])


def short_of_sizes(fit: CurveFit) -> CurveFit:
    """The same as of two shapes, one of them with two sizes: too few to compare."""
    deep = np.arange(len(fit.curve)) >= len(fit.curve) - 2
    shapes = tuple(Shape(values=(("depth", depth),)) for depth in (1, 2))
    return replace(fit, curve=replace(fit.curve, shape=deep.astype(np.int64), shapes=shapes))


@pytest.fixture(scope="module")
def study() -> Study:
    """Curves of one table; routes, laws, tuning and regularisers of others; every verdict."""
    table = TrialTable.from_rows([*study_rows(pruned=True), {"n_parameters": -1.0}])
    table = table.with_columns(still_improving=np.arange(len(table)) < 3)
    base = analyse(table, SETTINGS)
    routes = analyse(
        TrialTable.from_rows([*pruned_rows([0.3, 0.5, 0.7, 0.9, 0.95]), *distilled_rows(1.3)]),
        SETTINGS,
    )
    (compared,) = routes.routes
    torn = Reason(
        kind="crossing_torn",
        about=("pruned", "distilled"),
        chances=(("crosses", 0.5), ("first_better", 0.5), ("second_better", 0.0)),
    )
    more = replace(
        compared.crossings[0], first="pruned", second="distilled", kind="cannot_tell",
        crosses=0.5, why=torn, next_step=NextStep(kind="more_or_further"),
    )  # fmt: skip
    fit = base.fits[-1]
    step = NextStep(kind="more_replicates", now=3, to=9)
    unknown = Reason(kind="wide_interval", value=0.9, low=100.0, high=1e4)
    verdicts = [replace(fit.verdict, kind=kind) for kind in get_args(VerdictKind)]
    verdicts[-1] = replace(verdicts[-1], why=unknown, next_step=step)
    assert verdicts[-1].kind == "cannot_tell"
    analysis = replace(
        base,
        fits=(
            short_of_sizes(base.fits[0]),
            *base.fits[1:-1],
            replace(fit, payoffs=(*verdicts, *fit.payoffs)),
        ),
        routes=(replace(compared, crossings=(*compared.crossings, more)),),
        distilled=routes.distilled,
        laws=routes.laws,
        masks=routes.masks,
        tuning=analyse(TrialTable.from_rows(study_rows() + search_rows(1)), SETTINGS).tuning,
        regularisation=analyse(regularised_table(0.15), SETTINGS).regularisation,
        shapes=analyse(TrialTable.from_rows(shaped_rows(sizes=(400, 1600))), SETTINGS).shapes,
        interleaved=analyse(two_curves(), SETTINGS).interleaved,
        best_values=study_best_values(Search(answers=DEFAULTS).table(1), SETTINGS),
        made=analyse(table_with(emptied=3, small=2), SETTINGS).made,
        longer=analyse(
            TrialTable.from_rows([*study_rows(), *longer_rows(study_rows(), lambda row: -0.1)]),
            SETTINGS,
        ).longer,
    )
    return Study(analysis=analysis, table=table)


@pytest.fixture(scope="module")
def unjudged(study: Study) -> Study:
    """The same with too few search trials to judge the tuning."""
    few = TrialTable.from_rows(study_rows() + search_rows(1, trials=2))
    return replace(study, analysis=replace(study.analysis, tuning=analyse(few, SETTINGS).tuning))


def terminal(study: Study) -> str:
    held = io.StringIO()
    print_verdict(study.analysis, Console(file=held), all_notes=True)
    return held.getvalue()


def exported(study: Study, folder: Path) -> str:
    export_study(study.analysis, study.table, folder, formats=("svg",))
    return (folder / "verdict.md").read_text(encoding="utf-8")


def json_words(study: Study) -> str:
    return "\n".join(row["words"] for row in study.analysis.to_json()["findings"])


def outputs(study: Study, folder: Path) -> dict[str, str]:
    """Every output of an analysis, as text."""
    return {
        "Markdown": study.analysis.markdown(),
        "terminal": terminal(study),
        "report": report_html(study.analysis, study.table).partition('id="analysis"')[0],
        "export": exported(study, folder),
        "JSON": json_words(study),
    }


def test_every_kind_has_words_and_a_place() -> None:
    assert kinds_of(Kind) == set(WORDS) == set(PLACES)
    assert kinds_of(ReasonKind) == set(REASONS)
    assert kinds_of(StepKind) == set(STEPS)
    assert kinds_of(ExclusionKind) == set(EXCLUSIONS)
    assert kinds_of(VerdictKind) == set(VERDICTS)
    assert kinds_of(VerdictKind) == set(SHORT)
    assert set(PLACED) == set(PLACED_AS)
    assert kinds_of(Seen) == set(SEEN)
    assert set(REASONS_OF_FITS.values()) <= kinds_of(ReasonKind)
    assert set(REASONS_OF_FITS) == set(Status) - {Status.CONVERGED}


@pytest.mark.slow
def test_every_kind_is_told_in_every_output(study: Study, unjudged: Study, tmp_path: Path) -> None:
    told = set()
    for name, one in (("judged", study), ("unjudged", unjudged)):
        texts = outputs(one, tmp_path / name)
        # A table or a picture tells those that are not noted, at other dataset sizes.
        for finding in sorted(one.analysis.findings, key=lambda f: not f.noted):
            if finding.kind in told:
                continue
            told.add(finding.kind)
            for output, text in texts.items():
                words = tell(finding).text[1:]  # the first letter may be a capital
                words = escape(words) if output == "report" else words
                assert words in text, (finding.kind, output)
    assert told == kinds_of(Kind)


@pytest.mark.slow
def test_new_words_move_in_all_outputs_and_empty_no_section(
    study: Study, unjudged: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = sections(study)

    def reworded(kind: Kind, _: Finding[Any]) -> Told:
        return Told(text=f"reworded {kind}")

    for kind in WORDS:
        monkeypatch.setitem(WORDS, kind, partial(reworded, kind))
    told = set()
    for name, one in (("judged", study), ("unjudged", unjudged)):
        texts = outputs(one, tmp_path / name)
        kinds = {finding.kind for finding in one.analysis.findings}
        told |= kinds
        for kind in kinds:
            sentence = f"eworded {kind}"
            assert [output for output, text in texts.items() if sentence not in text] == [], kind
    assert told == kinds_of(Kind)
    assert sections(study) == parts


@pytest.mark.parametrize("kind", get_args(VerdictKind))
def test_the_head_of_the_report_says_every_verdict_in_its_words(
    study: Study, kind: VerdictKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHORT, kind, f"reworded {kind}")
    if kind in PLACED:
        monkeypatch.setitem(PLACED_AS, kind, f"reworded {kind}")
    fit = study.analysis.fits[-1]
    changed = [
        replace(point, kind=kind, size=700.0, low=500.0, high=900.0)
        if point.rule == SETTINGS.rule
        else point
        for point in fit.payoffs
    ]
    fits = (*study.analysis.fits[:-1], replace(fit, payoffs=tuple(changed)))
    page = report_html(replace(study.analysis, fits=fits), study.table)
    facts = page.partition('<dl class="facts">')[2].partition("</dl>")[0]
    assert f"reworded {kind}" in facts
    marked = page.partition('id="analysis"')[2].count(f'"name":"reworded {kind}"')
    assert (marked > 0) == (kind in PLACED)


def test_why_nothing_was_held_out_and_why_a_law_is_out_are_told_by_their_reasons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = TrialTable.from_rows(study_rows())
    few = rows.where(np.isin(rows.n_parameters, np.unique(rows.n_parameters)[:3]))
    analysis = analyse(few, SETTINGS)
    (*_, held) = (hold_out(fit, 0.9) for fit in analysis.fits)
    assert held.why == Reason(kind="few_sizes_to_forecast", least=5)
    for kind in REASONS:
        monkeypatch.setitem(REASONS, kind, lambda r: f"reworded {r.kind}")
    page = report_html(analysis, few)
    shown, _, data = page.partition('id="analysis"')
    for kind in ("few_sizes_to_forecast", "underdetermined"):
        assert f"reworded {kind}" in shown and f"reworded {kind}" in data


@pytest.mark.slow
def test_whether_tuning_was_enough_is_said_alike_in_the_checklist_and_in_the_report(
    study: Study, unjudged: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = study.analysis.found("tuning")
    _, start, said = tuned_enough(found).partition("saved ")
    page = report_html(study.analysis, study.table)
    for text in (exported(study, tmp_path), terminal(study), page):
        assert start + said in text
    for one in (study, unjudged):
        answers = checklist(one.analysis, FACTS)["Training"]
        assert answers["Was tuning enough?"] == tuned_enough(one.analysis.found("tuning"))
    monkeypatch.setitem(MORE_PAYS, True, "reworded more")
    monkeypatch.setitem(MORE_PAYS, False, "reworded enough")
    data = report_html(study.analysis, study.table).partition('id="analysis"')[2]
    assert '"more_pays":["reworded enough","reworded more"]' in data


def sections(study: Study) -> dict[str, int]:
    """Sections of the report with the notes in each."""
    page = report_html(study.analysis, study.table)
    parts = page.split('<section id="')[1:]
    return {part.partition('"')[0]: part.count("<li>") for part in parts}


def test_json_holds_the_numbers_the_interval_the_reason_and_the_next_step(study: Study) -> None:
    rows = study.analysis.to_json()["findings"]
    (row,) = (row for row in rows if row["kind"] == "cannot_tell")
    assert (row["place"], row["n_examples"], row["about"]) == ("payoff", 1600, "plateau")
    assert row["why"] == {"kind": "wide_interval", "value": 0.9, "low": 100.0, "high": 1e4}
    assert row["next_step"] == {"kind": "more_replicates", "now": 3, "to": 9}
    placed = next(row for row in rows if row["kind"] == "pays_off_until")
    assert placed["estimate"]["low"] < placed["estimate"]["value"] < placed["estimate"]["high"]
    assert placed["facts"]["rule"] == "plateau" and 0.0 < placed["probability"] <= 1.0


@pytest.mark.parametrize("kind", sorted(REASONS))
def test_every_reason_has_words(kind: ReasonKind) -> None:
    crossing = (("crosses", 0.6), ("first_better", 0.3), ("second_better", 0.1))
    either = (("hurts_beyond", 0.6), ("no_upturn", 0.4))
    reason = Reason(
        kind=kind, about=("pruned", "distilled"), count=3, least=0.8, value=0.9, low=10.0,
        high=90.0, chances=crossing if kind == "crossing_torn" else either,
    )  # fmt: skip
    assert why(reason) and "None" not in why(reason)
    assert why(replace(reason, of_route="pruned")) == f"of pruned, {why(reason)}"
    assert why(None) == ""


@pytest.mark.parametrize("kind", sorted(STEPS))
def test_every_next_step_has_words(kind: StepKind) -> None:
    step = NextStep(kind=kind, now=2, to=6, better=8, low=10.0, high=90.0)
    assert what_next(step) and "None" not in what_next(step)
    assert what_next(None) == ""


SAID = ("sentence", "markdown", "remarks", "whole")

PRINTERS = (
    "analysis/export/latex.py", "analysis/export/study.py", "analysis/fitted.py",
    "analysis/report/drawings.py", "analysis/report/evidence.py", "analysis/report/page.py",
    "analysis/report/sections.py", "analysis/study.py", "study/cli/fit.py", "study/cli/register.py",
    "study/cli/verdict.py", "study/handover/results.py", "study/handover/told.py",
    "study/launch/conclusion.py", "study/tracking/analysis_run.py",
)  # fmt: skip
"""Who hands on, unread, what is said to people, beside the room of words itself."""

READING = ("find", "index", "partition", "removeprefix", "split", "splitlines", "startswith")


def said(tree: ast.AST) -> list[int]:
    """Lines that have to do with what is said to people."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return [node.lineno for node in attributes if node.attr in SAID]


def read_back(tree: ast.AST) -> list[int]:
    """Lines in which something is looked for in what is said to people."""
    calls = (
        node.func.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READING
    )
    found = [line for value in calls for line in said(value)]
    compared = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    return found + [line for node in compared for line in said(node)]


def test_nothing_reads_a_sentence_back() -> None:
    texts = {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
        for package in ("analysis", "study")
        for file in (ROOT / package).rglob("*.py")
    }
    trees = {
        name: ast.parse(text)
        for name, text in texts.items()
        if any(word in text for word in SAID)  # it is quicker to look than to parse
    }
    speaking = {name: tree for name, tree in trees.items() if said(tree)}
    assert {name for name in speaking if not name.startswith("analysis/words/")} == set(PRINTERS)
    assert {name for name, tree in speaking.items() if read_back(tree)} == set()
    old = 'notes = [l for l in analysis.markdown().splitlines() if "x" in analysis.sentence]'
    assert read_back(ast.parse(old)) == [1, 1]
