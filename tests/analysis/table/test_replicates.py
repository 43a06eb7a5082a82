"""What rows of one size are to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.errors import Question
from analysis.table.draft import Asked
from analysis.table.reading import Reading, read
from analysis.table.sheet import Sheet

SIZES = [100 * 2**k for k in range(6)]


def made(per_size: int, **columns: Any) -> list[dict[str, Any]]:
    """Rows of a falling error; a column is a function of size and place, or a list of values."""
    rng = np.random.default_rng(0)
    rows = []
    for n in SIZES:
        for k in range(per_size):
            error = 0.1 + 0.4 * (n / 100) ** -0.6 + 0.002 * rng.standard_normal()
            row: dict[str, Any] = {"params": n, "test_error": error}
            for name, of in columns.items():
                row[name] = of(n, k) if callable(of) else of[k % len(of)]
            rows.append(row)
    return rows


def reading(rows: list[dict[str, Any]], **asked: Any) -> Reading:
    return read(Sheet.of_rows(rows, name="t"), Asked(size="params", **asked))


def test_rows_that_only_luck_sets_apart_are_replicates() -> None:
    found = reading(made(3, seed=[0, 1, 2], started=lambda n, k: f"2026-01-{k + 1:02} {n}"))
    assert len(found.table) == 18
    assert found.account.replicate == "rows of one size (3 each, told apart by seed, started)"


def test_sizes_that_were_run_once_count_where_replicates_are_counted() -> None:
    rows = made(2)[:-1]
    assert reading(rows).account.replicate == "rows of one size (1 to 2 each)"
    assert reading(made(2)).account.replicate == "rows of one size (2 each)"


def test_one_row_a_size_has_no_replicates() -> None:
    assert reading(made(1)).account.replicate == "none: each size was run once"


def test_shuffled_rows_of_a_run_end_at_its_last_step() -> None:
    rows = made(6, seed=[0, 0, 0, 1, 1, 1], step=[10, 20, 30, 30, 20, 10])
    np.random.default_rng(1).shuffle(rows)
    found = reading(rows)
    last = {(row["params"], row["test_error"]) for row in rows if row["step"] == 30}
    kept = zip(found.table.n_parameters.tolist(), found.table.test_error.tolist(), strict=True)
    assert set(kept) == last


def test_runs_that_stopped_early_keep_their_own_last_step() -> None:
    rows = made(3, run=["a", "a", "b"], epoch=[1, 2, 1])
    found = reading(rows)
    assert len(found.table) == 12
    assert any("(1 to 2)" in note for note in found.account.notes)


def test_what_a_schedule_changes_along_a_run_is_no_setting() -> None:
    plan = [0.1, 0.1, 0.01]
    named = made(6, run=["a", "a", "a", "b", "b", "b"], epoch=[1, 2, 3] * 2, lr=plan * 2)
    alone = made(6, epoch=[1, 2, 3] * 2, lr=plan * 2)
    for rows in (named, alone):
        found = reading(rows)
        assert len(found.table) == 12
        assert not any("lower envelope" in note for note in found.account.notes)


def test_settings_of_runs_with_epochs_are_tuned_after_their_last_one() -> None:
    rows = made(8, epoch=[1, 2] * 4, lr=[0.1, 0.1, 0.01, 0.01] * 2, seed=[0] * 4 + [1] * 4)
    for row in rows:
        row["test_error"] *= (1.0 if row["lr"] == 0.1 else 1.5) * (2.0 if row["epoch"] == 1 else 1)
    found = reading(rows)
    best = {row["test_error"] for row in rows if row["epoch"] == 2 and row["lr"] == 0.1}
    assert set(found.table.test_error.tolist()) == best and len(best) == 12


def test_rows_that_are_runs_of_their_own_keep_their_step() -> None:
    rows = made(3, name=lambda n, k: f"sweep-{n}-{k}", _step=lambda n, k: 1000 + n + k)
    assert len(reading(rows).table) == 18


def test_a_run_that_still_improves_at_its_last_step_is_marked() -> None:
    rows = made(10, epoch=list(range(1, 11)))
    for row in rows:
        row["test_error"] = 1.0 / row["epoch"] / row["params"]
    assert reading(rows).table.still_improving.all()
    for row in rows:
        row["test_error"] = 1.0 / row["params"]
    assert not reading(rows).table.still_improving.any()


def test_the_best_setting_by_validation_is_not_the_best_by_test() -> None:
    rows = made(4, lr=[0.1, 0.1, 0.01, 0.01], seed=[0, 1, 0, 1])
    for row in rows:
        row["val_error"] = row["lr"]
        row["test_error"] *= 1.0 if row["lr"] == 0.1 else 1.5
    found = reading(rows)
    assert len(found.table) == 12
    assert found.table.test_error.mean() > 0.3  # the better on validation, the worse on test
    out = [one for one in found.account.left_out if one.column == "lr"]
    assert [(one.count, one.reason) for one in out] == [
        (12, "another setting of lr did better on val_error")
    ]


def test_a_score_on_validation_chooses_its_highest() -> None:
    rows = made(2, dropout=[0.0, 0.5])
    for row in rows:
        row["val_acc"] = 1.0 - row["dropout"]
    rows_kept = reading(rows).table
    np.testing.assert_array_equal(
        rows_kept.test_error, [row["test_error"] for row in rows if row["dropout"] == 0.0]
    )


@pytest.mark.parametrize("column", ["dataset", "config/dataset", "arch", "model_family", "task"])
def test_other_questions_are_asked_about(column: str) -> None:
    rows = made(4, **{column: ["a", "b", "a", "b"]})
    with pytest.raises(Question, match="--where") as asked:
        reading(rows)
    assert asked.value.add == (f"--where {column}=a", f"--group {column}")
    assert len(reading(rows, where=(f"{column}=b",)).table) == 12
    assert len(reading(rows, alike=(column,)).table) == 24


def test_data_sets_with_sizes_of_their_own_are_asked_about() -> None:
    rows = made(3, dataset=lambda n, k: "small" if n < 700 else "large")
    with pytest.raises(Question, match="sizes differ in 'dataset'"):
        reading(rows)


def test_names_of_models_are_no_question() -> None:
    rows = made(1, model=lambda n, k: f"net-{n}")
    assert len(reading(rows).table) == 6
    rows = made(3, model=lambda n, k: f"net-{n}")
    assert len(reading(rows).table) == 18


def test_columns_that_nobody_knows_are_asked_about_where_the_metric_moves() -> None:
    rows = made(6, zeta=["x", "y"])
    still = reading(rows)
    assert any("zeta (x, y)" in note for note in still.account.notes)
    for row in rows:
        row["test_error"] *= 1.2 if row["zeta"] == "x" else 1.0
    with pytest.raises(Question, match="if tuned, --tuned zeta"):
        reading(rows)
    assert len(reading(rows, tuned=("zeta",)).table) == 18


def test_continuous_columns_that_move_the_metric_are_asked_about() -> None:
    rng = np.random.default_rng(3)
    rows = made(8, omega=lambda n, k: float(rng.random()))
    assert len(reading(rows).table) == 48
    for row in rows:
        row["test_error"] *= 1.0 + 4.0 * (row["omega"] - 0.5) ** 2
    with pytest.raises(Question, match="omega"):
        reading(rows)


def test_measured_columns_are_no_question() -> None:
    rows = made(4)
    for row in rows:
        row["train_loss"] = 2.0 * row["test_error"]
        row["test_acc"] = 1.0 - row["test_error"]
    assert len(reading(rows).table) == 24


def test_folds_are_draws() -> None:
    table = reading(made(5, fold=[1, 2, 3, 4, 5])).table
    assert len(np.unique(table.draw)) == 5 and len(table) == 30
