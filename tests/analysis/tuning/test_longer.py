"""What twice the training would do to the payoff point, against known truths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.export import export_study
from analysis.findings import NextStep
from analysis.tuning.longer import Longer
from analysis.words.brief import brief
from analysis.words.kinds import tell
from tests.support.tables import shaped_rows, study_rows

SETTINGS = AnalysisSettings(resamples=400)
Change = Callable[[dict[str, Any]], float]


def longer_rows(
    rows: list[dict[str, Any]], change: Change, *, noise: float = 0.02
) -> list[dict[str, Any]]:
    """One replicate of each cell once more, draws in turn: its error times exp(change)."""
    rng = np.random.default_rng(5)
    found = []
    for row in rows:
        turn = int(math.log2(row["width"])) % 3
        if row["draw"] == turn and not row.get("prune_ratio"):
            error = row["test_error"] * math.exp(change(row) + noise * rng.standard_normal())
            more = {"slot": f"{row['slot']}-longer", "phase": "longer"}
            found.append({**row, **more, "test_error": error})
    return found


def analysed(change: Change, *, pruned: bool = False, **changes: Any) -> StudyAnalysis:
    rows = study_rows(pruned=pruned)
    table = TrialTable.from_rows(rows + longer_rows(rows, change))
    return analyse(table, replace(SETTINGS, **changes))


def largest(analysis: StudyAnalysis) -> Longer:
    return analysis.longer[-1]


def test_an_equal_gain_at_all_sizes_is_measured_and_moves_nothing() -> None:
    found = analysed(lambda row: -0.2).longer
    assert [one.n_examples for one in found] == [100, 400, 1600]
    for one in found:
        assert one.pairs == 24
        assert one.saved.low < 1.0 - math.exp(-0.2) < one.saved.high
        assert one.saved.high - one.saved.low < 0.1
        assert one.estimate.low < 1.0 < one.estimate.high
        assert one.after.size == pytest.approx(one.before.size, rel=0.15)
        assert one.next_step is None
    assert [one.effect for one in found[:2]] == ["stays", "stays"]


def test_small_networks_that_gain_most_make_the_payoff_point_smaller() -> None:
    # Twice as long the error is 1 + (size / 5) / ... of what it was at the smallest, and 1 at the
    # largest: the reducible part is divided by three.
    def change(row: dict[str, Any]) -> float:
        reducible = (row["n_parameters"] / (6.0 * row["n_examples"] ** 0.75)) ** -1.0
        return math.log((1.0 + reducible / 4.0) / (1.0 + reducible))

    analysis = analysed(change)
    found = largest(analysis)
    assert found.effect == "moves"
    # Under this law the point is in proportion to the reducible part.
    assert found.estimate.low < 0.25 < found.estimate.high < 1.0
    assert found.next_step == NextStep(kind="train_longer")
    (finding,) = (one for one in analysis.found("longer") if one.n_examples == 1600)
    told = tell(finding).whole
    assert "and move the payoff point to" in told
    assert "set training.epochs and training.min_steps to twice what they are" in told
    assert finding.noted
    assert any("and move the payoff point to" in note for note in brief(analysis.findings))
    quiet = brief(analysed(lambda row: -0.2).findings)
    assert not any("Training twice as long" in note for note in quiet)


def test_a_curve_that_goes_on_falling_once_trained_longer_changes_the_verdict() -> None:
    def change(row: dict[str, Any]) -> float:
        return -0.6 * max(math.log(row["n_parameters"] / 160.0), 0.0)

    analysis = analysed(change)
    found = largest(analysis)
    assert (found.before.kind, found.after.kind) == ("pays_off_until", "still_paying")
    assert found.effect == "verdict" and found.next_step == NextStep(kind="train_longer")
    assert found.estimate.high_open
    told = tell(analysis.found("longer")[-1]).whole
    assert 'change the verdict from "pays off until" to "still paying"' in told


def test_they_draw_no_curve_and_are_counted() -> None:
    rows = study_rows()
    plain = analyse(TrialTable.from_rows(rows), SETTINGS)
    both = analysed(lambda row: -0.5)
    assert plain.longer == () and plain.found("longer") == []
    for one, other in zip(plain.fits, both.fits, strict=True):
        assert one.draws is not None and other.draws is not None
        assert np.array_equal(one.draws.log_error, other.draws.log_error)
    assert both.counts == {"trials trained twice as long (compared with their replicates)": 24}
    assert both.sentence == plain.sentence


def test_only_pairs_of_one_draw_and_seed_count_and_few_say_nothing() -> None:
    rows = study_rows()
    more = longer_rows(rows, lambda row: -0.3)
    others = [{**row, "seed": row["seed"] + 1000} for row in more]
    assert analyse(TrialTable.from_rows(rows + others), SETTINGS).longer == ()
    assert analyse(TrialTable.from_rows(rows + more[:3]), SETTINGS).longer == ()
    failed = [{**row, "status": "diverged"} for row in more]
    assert analyse(TrialTable.from_rows(rows + failed), SETTINGS).longer == ()
    assert len(analyse(TrialTable.from_rows(rows + more[:4]), SETTINGS).longer) == 3


def test_pruned_networks_are_left_alone_and_the_answer_is_the_same_again() -> None:
    found = analysed(lambda row: -0.2, pruned=True)
    assert found.longer == analysed(lambda row: -0.2).longer
    assert {ladder.n_examples for ladder in found.ladders} == {100, 400, 1600}


def test_each_shape_has_a_gain_of_its_own() -> None:
    rows: list[dict[str, Any]] = [dict(row) for row in shaped_rows()]
    deep = longer_rows(rows, lambda row: -1.0 if row["depth"] == 4 else 0.0)
    table = TrialTable.from_rows(rows + deep)
    analysis = analyse(table, SETTINGS)
    none = analyse(TrialTable.from_rows(rows + longer_rows(rows, lambda row: 0.0)), SETTINGS)
    for one, other in zip(analysis.longer, none.longer, strict=True):
        assert one.saved.value > 0.15 > other.saved.high
        # Deep networks are the large ones' best: with them better, size pays for longer.
        assert one.after.kind != other.after.kind or one.after.size != other.after.size


def test_the_paper_says_how_it_was_told(tmp_path: Path) -> None:
    def exported(change: Change | None) -> tuple[str, str]:
        rows = study_rows()
        more = [] if change is None else longer_rows(rows, change)
        table = TrialTable.from_rows(rows + more)
        folder = tmp_path / str(len(more))
        export_study(analyse(table, SETTINGS), table, folder, formats=("svg",))
        found = [folder / name for name in ("methods.md", "checklist.md")]
        return found[0].read_text(), found[1].read_text()

    methods, checklist = exported(lambda row: -0.2)
    assert "24 replicates were trained once more" in methods
    assert "Training twice as long at 1,600 examples would save" in checklist
    for text in exported(None):
        assert "trained once more" not in text and "Training twice as long" not in text


def test_losses_have_no_test_errors_to_count() -> None:
    rows = [{**row, "test_error": 2.0 + row["test_error"]} for row in study_rows()]  # type: ignore[operator]
    more = longer_rows(rows, lambda row: -0.02, noise=0.001)
    found = analyse(TrialTable.from_rows(rows + more), replace(SETTINGS, metric="nats")).longer
    assert len(found) == 3
    assert all(0.0 < one.saved.low < one.saved.high < 0.2 for one in found)


def test_runs_that_still_improve_ask_for_it_where_a_study_can() -> None:
    def step(**columns: Any) -> NextStep | None:
        table = TrialTable.from_rows(study_rows())
        table = table.with_columns(still_improving=np.arange(len(table)) < 3, **columns)
        (found,) = analyse(table, SETTINGS).found("undertrained")
        return found.next_step

    n = len(study_rows())
    assert step() == NextStep(kind="train_some_longer")
    assert step(slot=("",) * n) is None
    assert step(route=("custom",) * n) is None
    rows = study_rows()
    more = longer_rows(rows, lambda row: 0.0)
    for some in (more, more[:3]):  # of three nothing can be said; they were trained all the same
        (found,) = analyse(TrialTable.from_rows(rows + some), SETTINGS).found("undertrained")
        assert found.next_step is None


def test_errors_that_are_no_shares_of_test_examples_are_not_counted() -> None:
    # Root mean squares of a regression, far below one in its 200 test examples.
    rows = [{**row, "test_error": 0.01 * row["test_error"], "n_test": 200} for row in study_rows()]  # type: ignore[operator]
    found = analyse(TrialTable.from_rows(rows + longer_rows(rows, lambda row: -0.5)), SETTINGS)
    for one in found.longer:
        assert one.saved.low < 1.0 - math.exp(-0.5) < one.saved.high


def test_what_is_saved_is_of_each_cell_in_its_own_shape() -> None:
    # A shape of three sizes gains; the other, of eight, does not.
    rows: list[dict[str, Any]] = [dict(row) for row in shaped_rows()]
    widths = sorted({row["width"] for row in rows if row["depth"] == 4})[:3]
    rows = [row for row in rows if row["depth"] < 4 or row["width"] in widths]
    more = longer_rows(rows, lambda row: -0.7 if row["depth"] == 4 else 0.0, noise=0.001)
    (*_, found) = analyse(TrialTable.from_rows(rows + more), SETTINGS).longer
    n = found.n_examples
    cells = {(r["depth"], r["width"]) for r in rows if r["n_examples"] == n}
    share = sum(depth == 4 for depth, _ in cells) / len(cells)
    assert found.saved.value == pytest.approx(1.0 - math.exp(-0.7 * share), abs=0.03)


def test_what_it_makes_worse_is_said_so_and_losses_have_their_unit() -> None:
    worse = tell(analysed(lambda row: 0.4).found("longer")[-1]).whole
    assert "would add 4" in worse and ") to the error and" in worse and "-" not in worse
    rows = [{**row, "test_error": 2.0 + row["test_error"]} for row in study_rows()]  # type: ignore[operator]
    more = longer_rows(rows, lambda row: -0.02, noise=0.001)
    table = TrialTable.from_rows(rows + more)
    found = analyse(table, replace(SETTINGS, metric="nats")).found("longer")[-1]
    assert "would lower the test error by 0.04" in tell(found).whole
    assert " nats (" in tell(found).whole
