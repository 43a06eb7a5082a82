"""Whether tuning was enough, and which hyperparameters mattered, against known truths."""

from __future__ import annotations

import csv
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, TrialTable, analyse
from analysis.export import export_study
from analysis.tuning.findings import tuning_findings
from analysis.tuning.sensitivity import Tuning, best_of, study_tuning
from analysis.words.tuning import SEEN
from tests.support.tables import study_rows

SETTINGS = AnalysisSettings(resamples=200)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6])
def test_the_best_of_k_is_exact(k: int) -> None:
    errors = np.array([0.5, 0.2, 0.9, 0.2, 0.4, 0.7])
    wanted = np.mean([min(subset) for subset in itertools.combinations(errors, k)])
    assert best_of(errors, k) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_score_of_the_best_shares_ties(k: int) -> None:
    errors = np.array([0.5, 0.2, 0.2, 0.4])
    scores = np.array([1.0, 2.0, 4.0, 8.0])

    def winner(subset: tuple[int, ...]) -> float:
        least = min(errors[list(subset)])
        return float(np.mean([scores[i] for i in subset if errors[i] == least]))

    wanted = np.mean([winner(subset) for subset in itertools.combinations(range(4), k)])
    assert best_of(errors, k, scores) == pytest.approx(wanted, rel=1e-12)


def search_rows(
    seed: int,
    *,
    slope: float = 0.0,
    inside: float = 0.0,
    cells: int = 16,
    trials: int = 8,
    spread: float = 0.1,
) -> list[dict[str, object]]:
    """Search trials of cells of very different errors; ``dropout`` acts as asked for."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for c in range(cells):
        for k in range(trials):
            dropout, decay = rng.uniform(0.0, 0.5), 10 ** rng.uniform(-5, -1)
            effect = slope * (dropout - 0.25) + inside * (dropout - 0.25) ** 2
            error = 0.5 * 2.0 ** (-c / 4) * np.exp(effect + spread * rng.standard_normal())
            rows.append(
                {
                    "slot": f"c{c}-s{k}",
                    "cell": f"c{c}",
                    "phase": "search",
                    "n_examples": 100,
                    "n_parameters": 10.0 * 2**c,
                    "val_error": error,
                    "test_error": error * np.exp(0.01 * rng.standard_normal()),
                    "params": {"dropout": dropout, "decay": decay, "width": c, "name": "adam"},
                }
            )
    return rows


def tuning_of(rows: list[dict[str, object]]) -> Tuning:
    found = study_tuning(TrialTable.from_rows(rows), SETTINGS)
    assert found is not None
    return found


def test_a_cell_whose_trials_all_agree_needs_no_more() -> None:
    found = tuning_of(search_rows(0, spread=0.0))
    assert found.judged == 16 and found.short == ()
    assert all(cell.gain == pytest.approx(0.0, abs=1e-12) for cell in found.cells)
    assert [len(cell.curve) for cell in found.cells] == [8] * 16
    assert [cell.size for cell in found.cells] == sorted(cell.size for cell in found.cells)


def test_a_cell_whose_trials_scatter_widely_needs_more() -> None:
    found = tuning_of(search_rows(0, spread=1.0))
    assert len(found.short) >= 12
    assert found.mean_gain > 0.1
    for cell in found.cells:
        errors = [error for _, error in cell.curve]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] == pytest.approx(cell.best)


def test_luck_of_the_validation_set_is_no_reason_for_more_trials() -> None:
    rows = search_rows(0, spread=1.0)
    for row in rows:
        row["test_error"] = 0.3
    found = tuning_of(rows)
    assert min(cell.gain for cell in found.cells) >= 0.0
    assert found.short == () and found.mean_gain == pytest.approx(0.0)


def test_failed_trials_count_as_the_worst() -> None:
    rows = search_rows(0, cells=1, trials=5)
    rows[0] |= {"val_error": None, "test_error": None, "status": "diverged"}
    (cell,) = tuning_of(rows).cells
    errors = [float(str(row["val_error"])) for row in rows[1:]]
    assert cell.failed == 1
    assert cell.curve[0][1] == pytest.approx((sum(errors) + max(errors)) / 5)


def test_too_few_or_only_failed_trials_are_not_judged() -> None:
    few = tuning_of(search_rows(0, cells=1, trials=3))
    assert few.judged == 0 and math.isnan(few.mean_gain) and few.short == ()
    rows = [row | {"val_error": None, "status": "failed"} for row in search_rows(0, cells=2)]
    failed = tuning_of(rows)
    assert failed.judged == 0 and failed.effects == ()
    assert all(cell.curve == () and math.isnan(cell.best) for cell in failed.cells)


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        ({"slope": 1.0}, "less is better on the whole"),
        ({"slope": -1.0}, "more is better on the whole"),
        ({"inside": 10.0}, "best inside the range"),
    ],
)
def test_effects_are_seen_through_differences_between_cells(
    truth: dict[str, float], words: str
) -> None:
    effects = tuning_of(search_rows(1, **truth)).effects  # type: ignore[arg-type]
    assert {effect.hyperparameter for effect in effects} == {"dropout", "decay"}
    assert {effect.capacity for effect in effects} == {"all", "smaller", "larger"}
    (dropout,) = (e for e in effects if (e.hyperparameter, e.capacity) == ("dropout", "all"))
    assert SEEN[dropout.seen] == words
    assert dropout.edges == pytest.approx((1 / 6, 1 / 3), abs=0.04)
    if "slope" in truth:
        # Thirds lie 1/6 apart in dropout, whose effect on the log error is the slope.
        third = np.log1p(dropout.thirds)
        assert third[2] - third[0] == pytest.approx(truth["slope"] / 3, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("cells", [4, 16])
def test_where_nothing_matters_intervals_hold_zero_as_often_as_they_say(cells: int) -> None:
    held = total = claimed = 0
    for seed in range(100):
        for effect in tuning_of(search_rows(seed, cells=cells)).effects:
            if effect.capacity == "all":
                held += effect.low <= 0.0 <= effect.high
                claimed += effect.seen != "unclear"
                total += 1
    # Two effects a study; a bootstrap over 16 cells is known to be a little narrow.
    assert total == 200
    assert 0.82 <= held / total <= 0.97, held / total
    assert claimed / total <= 0.05, claimed / total


@pytest.mark.slow
def test_the_report_and_the_exports_say_what_was_seen(tmp_path: Path) -> None:
    table = TrialTable.from_rows(study_rows() + search_rows(1, slope=1.0, spread=0.3))
    analysis = analyse(table, AnalysisSettings(rule="plateau", resamples=200))
    text = analysis.markdown()
    assert "- Tuning: the last doubling of the search trials saved " in text
    assert "- Hyperparameters in the range searched at 100 examples: decay: " in text
    assert "; dropout: less is better on the whole." in text
    json.dumps(analysis.to_json(), allow_nan=False)
    assert len(analysis.to_json()["tuning"]["cells"]) == 16
    names = {path.name for path in export_study(analysis, table, tmp_path)}
    assert {"tuning.csv", "effects.csv"} <= names
    with (tmp_path / "tuning.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == [f"c{c}" for c in range(16)]
    with (tmp_path / "effects.csv").open(newline="") as file:
        assert {row["words"] for row in csv.DictReader(file)} >= {"less is better on the whole"}


def test_too_few_search_trials_to_judge_are_said_to_be_so() -> None:
    kept: dict[object, int] = {}
    few = []
    for row in search_rows(1, slope=1.0, spread=0.3):
        kept[row["cell"]] = kept.get(row["cell"], 0) + 1
        if kept[row["cell"]] <= 3:
            few.append(row)
    text = analyse(TrialTable.from_rows(study_rows() + few), SETTINGS).markdown()
    assert "- Tuning cannot be judged: 3 search trials a cell at most, and fewer than 4" in text
    assert "the last doubling of the search trials" not in text


def test_a_table_without_search_trials_has_no_tuning() -> None:
    analysis = analyse(TrialTable.from_rows(study_rows()), SETTINGS)
    assert analysis.tuning is None
    assert "Tuning" not in analysis.markdown()


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_winners_from_elsewhere_are_not_judged_by_the_best_of_their_cell(rate: float) -> None:
    rows = [
        {"cell": f"w{width}", "width": width, "n_examples": 100, "n_parameters": 10.0 * width}
        | {"phase": phase, "params": {"learning_rate": each}, "seed": seed}
        | {"val_error": 0.2 + each, "test_error": 0.2 + each, "slot": f"{width}{phase}{seed}"}
        for width in (2, 4, 8, 16)
        for phase, rates in (("search", (0.02, 0.04, 0.08, 0.16)), ("replicate", (rate, rate)))
        for seed, each in enumerate(rates)
    ]
    table = TrialTable.from_rows(rows)
    assert not table.dropped
    tuning = study_tuning(table, SETTINGS)
    assert tuning is not None
    assert tuning.elsewhere == (rate == 0.5)
    assert tuning.judged == (0 if tuning.elsewhere else 4)
    kinds = {finding.kind for finding in tuning_findings(tuning)}
    assert ("tuning" in kinds) == (rate == 0.02)
    assert "tuning_unjudged" not in kinds
