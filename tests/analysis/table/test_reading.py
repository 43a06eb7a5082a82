"""The door: what becomes of a table's rows, and the account of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import payoff
from analysis.errors import AnalysisError, Question
from analysis.table.draft import Asked
from analysis.table.exports import MARK, is_ours
from analysis.table.reading import Reading, read, read_table
from analysis.table.sheet import Sheet
from analysis.table.states import normal
from analysis.table.trials import TrialTable
from analysis.table.writing import write_sheet, write_table

SIZES = [100.0 * 2**k for k in range(8)]


def runs(**columns: list[Any]) -> Sheet:
    """Four runs of each size, their errors apart by luck, with further columns."""
    size = [m for m in SIZES for _ in range(4)]
    luck = np.random.default_rng(5).normal(1.0, 0.01, len(size))
    error = [(0.05 + 20 / m) * float(x) for m, x in zip(size, luck, strict=True)]
    return Sheet(
        cells={"n_parameters": size, "test_error": error, **columns}, n_rows=32, name="t.csv"
    )


def with_errors(places: dict[int, Any]) -> Sheet:
    """The same with other errors at some rows."""
    sheet = runs()
    error = list(sheet.cells["test_error"])
    for place, value in places.items():
        error[place] = value
    return sheet.with_cells({**sheet.cells, "test_error": error})


def left_out(reading: Reading) -> list[tuple[str, int]]:
    return [(one.reason, one.count) for one in reading.account.left_out]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("TrialState.COMPLETE", "complete"),
        ("CANCELLED by 1000", "cancelled"),
        ("Out-Of-Memory", "out_of_memory"),
        (" CANCELLED+", "cancelled"),
        (None, ""),
    ],
)
def test_states_are_looked_up_by_their_plain_word(state: object, word: str) -> None:
    assert normal(state) == word


def test_a_state_that_nobody_knows_leaves_its_row_out_and_does_not_switch_the_rule_off() -> None:
    states = ["finished"] * 32
    states[3], states[9], states[20] = "crashed", "cooked", "cooked"
    reading = read(runs(State=states), Asked())
    assert left_out(reading) == [
        ("the run failed", 1),
        ("nobody knows the state 'cooked' (--finished 'cooked' if it is one)", 2),
    ]
    assert reading.account.left_out[1].rows == (10, 21)
    assert len(read(runs(State=states), Asked(finished=("Cooked",))).table) == 31


@pytest.mark.parametrize("column", ["cell", "phase", "route", "draw", "seed", "trial", "method"])
def test_columns_that_nobody_named_mean_what_the_stranger_meant(column: str) -> None:
    plain = read(runs(), Asked()).table
    named = read(runs(**{column: ["search"] * 32}), Asked()).table
    for name, values in plain.columns.items():
        np.testing.assert_array_equal(named.columns[name], values, err_msg=name)


def test_a_table_of_ours_is_told_by_all_of_its_columns_and_words() -> None:
    ours = {name: ["0"] for name in MARK} | {"phase": ["search"], "status": ["complete"]}
    assert is_ours(Sheet(cells=ours, n_rows=1))
    assert not is_ours(Sheet(cells=ours | {"phase": ["waning"]}, n_rows=1))
    for name in MARK:
        assert not is_ours(Sheet(cells={k: v for k, v in ours.items() if k != name}, n_rows=1))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_what_write_table_wrote_is_ours(tmp_path: Path, suffix: str) -> None:
    rows = [{"slot": f"s{k}", "n_parameters": 10.0 + k, "test_error": 0.5} for k in range(3)]
    rows.append({"slot": "t", "n_parameters": 9.0, "test_error": 0.1, "phase": "search"})
    table = TrialTable.from_rows(rows)
    write_table(table, tmp_path / f"t{suffix}")
    again = read_table(tmp_path / f"t{suffix}")
    assert again.phase == ("replicate",) * 3 + ("search",)
    assert again.slot == table.slot


@pytest.mark.parametrize("value", [999, -1, 1e10, 0.0, 1.0, 9999.0, 2147483647])
def test_a_number_that_marks_a_failure_is_told_from_the_data(value: float) -> None:
    reading = read(with_errors({5: value, 17: value}), Asked())
    assert left_out(reading) == [
        (f"{value:g} stands apart from all other errors: it marks a failed run", 2)
    ]


@pytest.mark.parametrize("value", [1.8e308, 3.4028234663852886e38, float("inf")])
def test_what_is_infinite_is_a_run_that_diverged(value: float) -> None:
    reading = read(with_errors({5: value}), Asked())
    assert left_out(reading) == [("the error is infinite: the run diverged", 1)]


def test_what_the_data_leave_open_stays() -> None:
    assert len(read(with_errors({5: 0.3}), Asked()).table) == 32  # far off, but no such number
    errors = [100.0, 90.0, 70.0, 60.0, 50.0, 45.0, 43.0, 42.0]
    sheet = Sheet(cells={"n_parameters": SIZES, "test_error": errors}, n_rows=8)
    assert len(read(sheet, Asked()).table) == 8


def test_where_takes_any_of_a_column_s_values_and_all_of_several_columns() -> None:
    sheet = runs(arm=["a", "b", "c", "a"] * 8, half=[0, 0, 1, 1] * 8)
    asked = Asked(where=("arm=a", "arm=b", "half=0.0"))
    reading = read(sheet, asked)
    assert len(reading.table) == 16
    assert [count for _, count in left_out(reading)] == [8, 8]
    assert reading.table.dropped == ()
    with pytest.raises(AnalysisError, match=r"no row of t\.csv has arm=d; check the value"):
        read(sheet, Asked(where=("arm=d",)))


def test_names_are_found_without_what_a_tracker_put_before_them() -> None:
    sheet = runs()
    cells = {f"params.{name}": column for name, column in sheet.cells.items()}
    reading = read(sheet.with_cells(cells), Asked())
    assert reading.draft.size_column == "params.n_parameters"
    cells |= {"metrics.test_error": cells["params.test_error"]}
    with pytest.raises(Question, match=r"'test_error' may be 'params\.test_error' or 'metrics"):
        read(sheet.with_cells(cells), Asked())


def test_the_usual_names_are_asked_for_where_they_are_missing() -> None:
    sheet = Sheet(cells={"width": [1], "params": [2], "err": [0.1]}, n_rows=1, name="t.csv")
    with pytest.raises(Question, match=r"--size: which column .* such as --size width"):
        read(sheet, Asked())


def test_no_row_left_is_a_mistake_with_its_reasons() -> None:
    with pytest.raises(
        AnalysisError, match=r"no row can be used: 32 x the run failed \('FAILED'\)"
    ):
        read(runs(state=["FAILED"] * 32), Asked())


def test_the_sheet_says_what_happened_to_each_row(tmp_path: Path) -> None:
    states = ["COMPLETE"] * 32
    states[2] = "PRUNED"
    reading = read(runs(state=states), Asked())
    write_sheet(reading.draft, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["payoff:what"] for row in rows[:4]] == [
        "used", "used", "left out: the run was stopped early (state)", "used"
    ]  # fmt: skip
    assert rows[0]["payoff:row"] == "1" and float(rows[0]["payoff:size"]) == SIZES[0]
    assert rows[0]["test_error"] == rows[0]["payoff:error"]


def test_the_account_is_whole_and_json_knows_it() -> None:
    states = ["COMPLETE"] * 32
    states[2] = "PRUNED"
    account = read(runs(state=states), Asked()).account
    told = json.loads(json.dumps(account.as_dict()))
    assert (told["rows_read"], told["rows_used"], told["n_curves"]) == (32, 31, 1)
    assert told["left_out"] == [
        {"reason": "the run was stopped early", "column": "state", "count": 1,
         "example": "PRUNED", "rows": [3]}
    ]  # fmt: skip
    roles = {one["column"]: one["role"] for one in told["columns"]}
    assert roles == {"n_parameters": "size", "test_error": "error", "state": "state"}


def test_dense_sizes_are_as_many_points() -> None:
    size = np.geomspace(250, 64_000, 300)
    error = (0.05 + 0.25 * (size / 250) ** -0.7) * np.random.default_rng(1).normal(1, 0.02, 300)
    fit = payoff.fit_curve(size, error)
    assert len(fit.curve) == 300 and fit.curve.n_sizes == 150
    assert 9_000 < fit.payoff("marginal").size < 13_500


def test_more_sizes_than_that_are_gathered_with_their_neighbours() -> None:
    size = np.geomspace(250, 64_000, 3000)
    error = (0.05 + 0.25 * (size / 250) ** -0.7) * np.random.default_rng(1).normal(1, 0.02, 3000)
    fit = payoff.fit_curve(size, error)
    assert 900 < len(fit.curve) <= 1024 and fit.curve.replicates.sum() == 3000
    np.testing.assert_allclose(fit.curve.size[fit.curve.run_cell], size, rtol=0.006)


def test_arrays_are_read_as_files_are() -> None:
    sheet = with_errors({5: 999})
    size = [f"{m / 1000:g}k" for m in sheet.cells["n_parameters"]]
    error = [f"{100 * e:.12f}%" if e != 999 else "99900%" for e in sheet.cells["test_error"]]
    plain = runs()
    keep = np.arange(32) != 5
    wanted = payoff.fit_curve(
        np.array(plain.cells["n_parameters"])[keep], np.array(plain.cells["test_error"])[keep]
    )
    found = payoff.fit_curve(size, error)  # type: ignore[arg-type]
    assert found.payoff("marginal").size == pytest.approx(wanted.payoff("marginal").size)
    assert "1 999 stands apart" in found.summary()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([0.1, 0.3, 1.0], "With a share of 1 of the training examples, more"),
        ([1e18, 1e19, 1e21], "With 1e+21 training examples, more"),
    ],
)
def test_shares_of_the_data_and_budgets_are_dataset_sizes(told: list[float], said: str) -> None:
    sheet = runs()
    cells = {name: list(column) * 3 for name, column in sheet.cells.items()}
    cells["data"] = [n for n in told for _ in range(32)]
    asked = Asked(columns={"n_examples": "data"})
    table = read(Sheet(cells=cells, n_rows=96), asked).table
    analysis = payoff.analyse(table, payoff.AnalysisSettings(resamples=100))
    assert [fit.curve.n_examples for fit in analysis.fits] == told
    assert analysis.sentence.startswith(said)
    info = payoff.plots.growth_info(analysis)
    assert np.isfinite(info.middle).all() and info.n[0] == pytest.approx(told[0] / 1.2)
