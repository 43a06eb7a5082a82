"""What a terminal shows at the end: the answer first, and little of the rest."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from analysis.study import StudyAnalysis, analyse
from analysis.table.trials import TrialTable
from analysis.words.brief import DECIDING, MOST, brief
from analysis.words.kinds import WORDS, notes
from study.cli.verdict import print_verdict
from tests.analysis.routes.test_findings import distilled_rows, pruned_rows
from tests.support.tables import shaped_rows, study_rows


@pytest.fixture(scope="module")
def analysis() -> StudyAnalysis:
    return analyse(TrialTable.from_rows(shaped_rows(sizes=(400, 1600))))


def shown(analysis: StudyAnalysis, width: int = 80, *, terminal: bool = True, **more: Any) -> str:
    held = io.StringIO()
    console = Console(file=held, width=width, force_terminal=terminal, color_system=None)
    print_verdict(analysis, console, **more)
    return held.getvalue()


def test_the_sentence_comes_first_then_a_row_for_each_dataset_size(
    analysis: StudyAnalysis,
) -> None:
    lines = shown(analysis, terminal=False).splitlines()
    assert lines[0] == analysis.sentence
    assert lines[2].split()[:2] == ["examples", "marginal"]
    rows = lines[3 : 3 + len(analysis.fits)]
    assert [row.split()[0] for row in rows] == ["400", "1,600"]
    assert lines[3 + len(analysis.fits)].strip() == ""


def test_few_notes_are_shown_and_the_others_are_counted(analysis: StudyAnalysis) -> None:
    every, few = notes(analysis.findings), brief(analysis.findings)
    assert 0 < len(few) <= MOST < len(every)
    assert set(few) <= set(every)
    text = shown(analysis, terminal=False)
    assert text.count("\n- ") == len(few)
    assert f"{len(every) - len(few)} more notes: --notes" in text


def test_all_notes_and_rules_are_there_for_who_asks(analysis: StudyAnalysis) -> None:
    text = shown(analysis, terminal=False, all_notes=True)
    for note in notes(analysis.findings):
        assert f"- {note}\n" in text
    assert "plateau 10%" in text
    assert "more notes" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal_and_no_row_is_broken(
    analysis: StudyAnalysis, width: int
) -> None:
    lines = shown(analysis, width).splitlines()
    assert max(map(len, lines)) <= width
    start = next(k for k, line in enumerate(lines) if line.startswith("examples"))
    assert lines[start + len(analysis.fits) + 1].strip() == ""


def test_lines_that_say_what_is_next_end_it(analysis: StudyAnalysis) -> None:
    text = shown(analysis, terminal=False, after=("next: payoff run x.toml --until-decided",))
    assert text.rstrip().endswith("next: payoff run x.toml --until-decided")


def test_what_cannot_be_told_is_among_the_few_notes_first() -> None:
    table = TrialTable.from_rows(study_rows())
    untold = analyse(table.where(table.column("n_parameters") <= 200))
    assert "cannot be told" in untold.sentence
    assert "cannot tell" in brief(untold.findings)[0]


def test_what_the_answer_says_of_trained_networks_is_not_said_again_of_their_route() -> None:
    rows = [*pruned_rows([0.3, 0.5, 0.7, 0.9, 0.95]), *distilled_rows(1.3)]
    found = analyse(TrialTable.from_rows(rows)).findings
    assert {f.about for f in found if f.kind == "route"} > {"trained"}
    assert not [note for note in brief(found) if note.startswith("Route trained")]
    assert any(note.startswith("Route pruned") for note in brief(found))


def test_only_kinds_that_there_are_may_decide() -> None:
    kinds = [kind for group in DECIDING for kind in group]
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) <= set(WORDS)
