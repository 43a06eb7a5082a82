"""The trial table: checks, counted drops, and files that read back without loss."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import AnalysisError
from analysis.table.columns import names_of
from analysis.table.fields import Size
from analysis.table.files import read_sheet
from analysis.table.reading import read_table
from analysis.table.trials import TrialTable
from analysis.table.writing import _encode, decode, write_table


def a_row(k: int = 0, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "trial": k,
        "slot": f"s{k}",
        "cell": "n100-w8-d1",
        "phase": "replicate",
        "status": "complete",
        "n_examples": 100,
        "draw": k % 3,
        "seed": 7 + k,
        "width": 8,
        "depth": 1,
        "n_parameters": 610.0,
        "test_error": 0.1 + 0.2 / 3.0 + k / 100.0,
        "n_test": 10,
        "test_correct": np.packbits(np.arange(10) % 2 == 0).tobytes(),
        "still_improving": k % 2 == 0,
        "params": {"learning_rate": 0.1 / (k + 3), "activation": "relu", "n": k, "flag": True},
    }
    return row | changes


def test_missing_columns_get_defaults() -> None:
    table = TrialTable.from_rows([{"n_parameters": 10, "test_error": 0.5}])
    assert len(table) == 1
    assert (table.phase, table.status, table.route) == (("replicate",), ("complete",), ("trained",))
    assert table.width[0] == table.seed[0] == table.n_examples[0] == -1
    assert math.isnan(table.val_error[0])
    assert table.prune_ratio[0] == 0.0
    assert table.test_correct == (None,)


def test_no_rows_is_a_table_of_none() -> None:
    assert len(TrialTable.from_rows([])) == 0


def test_columns_are_read_only() -> None:
    table = TrialTable.from_rows([a_row()])
    with pytest.raises(ValueError, match="read-only"):
        table.test_error[0] = 0.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_parameters": -3}, "n_parameters: must be positive and finite"),
        ({"n_parameters": 0}, "n_parameters: must be positive and finite"),
        ({"n_parameters": "many"}, "n_parameters: must be a number"),
        ({"latency_seconds": 0.0}, "latency_seconds: must be positive and finite"),
        ({"train_flops": math.inf}, "train_flops: must be positive and finite"),
        ({"teacher_size": -1}, "teacher_size: must be positive and finite"),
        ({"test_error": math.inf}, "test_error: must be finite"),
        ({"test_error": -0.1}, "test_error: must not be negative"),
        ({"prune_ratio": 1.0}, "prune_ratio: must be at least 0 and below 1"),
        ({"n_examples": 0}, "n_examples: must be at least 1"),
        ({"seed": 1.5}, "seed: must be a whole number"),
        ({"phase": "final"}, "phase: must be one of search, replicate, longer"),
        ({"status": "ok"}, "status: must be one of complete, diverged, failed"),
        ({"still_improving": "perhaps"}, "still_improving: must be true or false"),
        ({"test_correct": b"\x00"}, "test_correct: must hold one bit for each of n_test examples"),
        ({"slot": "s0"}, "slot: each must be unique, this one was seen before"),
        ({"params": 3}, "params: must be a mapping"),
    ],
)
def test_rows_that_break_the_schema_are_counted_and_named(
    change: dict[str, object], reason: str
) -> None:
    table = TrialTable.from_rows([a_row(0), a_row(1, **change), a_row(2)])
    assert len(table) == 2
    (drop,) = table.dropped
    assert (drop.reason, drop.count, drop.rows) == (reason, 1, (1,))


def test_a_diverged_run_may_have_an_infinite_error() -> None:
    table = TrialTable.from_rows([a_row(0, status="diverged", test_error=math.inf)])
    assert len(table) == 1
    assert math.isnan(table.test_error[0])


def test_other_names_are_mapped_and_feed_one_field_only() -> None:
    rows = [{"params": "12", "loss": "0.25", "seed": "3"}]
    table = TrialTable.from_rows(rows, columns={"n_parameters": "params", "test_error": "loss"})
    assert table.dropped == ()
    assert (table.n_parameters[0], table.test_error[0], table.seed[0]) == (12.0, 0.25, 3)
    assert dict(table.params) == {}


def test_a_wrong_field_in_the_mapping_names_the_nearest() -> None:
    with pytest.raises(AnalysisError, match="did you mean 'test_error'"):
        TrialTable.from_rows([], columns={"tst_error": "loss"})


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(AnalysisError, match="did you mean 'n_parameters'"):
        TrialTable.from_rows([a_row()]).column("n_parameter")


def test_columns_are_replaced_in_a_copy_that_is_read_only_too() -> None:
    table = TrialTable.from_rows([a_row(k) for k in range(2)])
    other = table.with_columns(val_error=[0.5, 0.25], status=["failed", "complete"])
    np.testing.assert_array_equal(other.val_error, [0.5, 0.25])
    assert other.status == ("failed", "complete") and table.status == ("complete",) * 2
    assert other.slot == table.slot and not other.val_error.flags.writeable
    with pytest.raises(AnalysisError, match="'val_eror'; did you mean 'val_error'"):
        table.with_columns(val_eror=[0.5, 0.25])
    with pytest.raises(AnalysisError, match="val_error: must have 2 values, got 1"):
        table.with_columns(val_error=[0.5])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trial": "x", "phase": "y"}, "phase: must be one of search, replicate, longer"),
        ({"n_test": "x", "width": -2}, "n_test: must be a number"),
        ({"n_test": 0.5, "n_parameters": "x"}, "n_test: must be a whole number"),
        ({"val_error": "x", "test_error": "x"}, "test_error: must be a number"),
        ({"teacher_size": "x", "train_error": "x"}, "train_error: must be a number"),
        ({"wall_seconds": "x", "stopped_early": "x"}, "wall_seconds: must be a number"),
        ({"n_examples": 0, "seed": -2}, "seed: must not be negative"),
        ({"n_examples": 0, "n_test": -2}, "n_test: must not be negative"),
        ({"prune_ratio": 2, "n_examples": 0}, "n_examples: must be at least 1"),
        ({"teacher_size": -1, "test_error": -1}, "teacher_size: must be positive and finite"),
        ({"val_error": -1, "test_error": math.inf}, "test_error: must be finite"),
    ],
)
def test_of_two_rules_that_a_row_breaks_the_first_is_named(
    changes: dict[str, object], reason: str
) -> None:
    (drop,) = TrialTable.from_rows([a_row(0, **changes)]).dropped
    assert drop.reason == reason


def test_where_keeps_rows_in_order() -> None:
    table = TrialTable.from_rows([a_row(k) for k in range(5)])
    part = table.where(table.seed > 8)
    assert part.slot == ("s2", "s3", "s4")
    assert part.params["n"] == (2, 3, 4)


def test_correctness_unpacks_to_the_number_of_test_examples() -> None:
    table = TrialTable.from_rows([a_row(), a_row(1, test_correct=None)])
    np.testing.assert_array_equal(table.correctness(0), np.arange(10) % 2 == 0)
    assert table.correctness(1) is None


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_files_read_back_without_loss(tmp_path: Path, suffix: str) -> None:
    rows = [a_row(k) for k in range(6)]
    rows.append(a_row(6, params={"activation": "1", "empty": "", "momentum": 0.1 + 0.2}))
    rows.append({"slot": "bare", "n_parameters": 5, "reason": 'a "quoted", one\nwith lines'})
    table = TrialTable.from_rows(rows)
    path = tmp_path / f"trials{suffix}"
    write_table(table, path)
    again = read_table(path)
    assert again.dropped == ()
    assert repr(again.to_rows()) == repr(table.to_rows())


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_the_same_table_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    table = TrialTable.from_rows([a_row(k) for k in range(4)])
    write_table(table, tmp_path / f"a{suffix}")
    write_table(table, tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.slow
@given(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(["1", "true", "null", '"x"', "[1]"]),
        st.integers(),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_hyperparameters_keep_value_and_type_in_csv(value: object) -> None:
    again = decode(_encode(value))
    assert again == value
    assert type(again) is type(value)


def test_semicolons_tabs_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    for name, text in (("a.csv", "﻿size;error\n1;0.5\n"), ("b.csv", "size\terror\n1\t0.5\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert list(read_sheet(tmp_path / name).rows()) == [{"size": "1", "error": "0.5"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "there is no such file"),
        ("empty.csv", b"", "holds no trial"),
        ("head.csv", b"a,b\n", "holds no trial"),
        ("bad.jsonl", b"{}\n{oops\n", "line 2 is not JSON"),
        ("list.jsonl", b"[1]\n", "line 1 must be a JSON object"),
        ("bad.parquet", b"not parquet", "not readable as Parquet"),
        ("table.xlsx", b"PK\x03\x04...", "a zip archive or a workbook; save its sheet as CSV"),
        ("optuna.db", b"SQLite format 3\0", "a database; name it as optuna"),
        ("cut.csv.gz", b"\x1f\x8b\x08\0", "is damaged or cut off"),
    ],
)
def test_unreadable_files_say_what_is_wrong(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AnalysisError, match=message):
        read_sheet(path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_routes_and_costs_read_back_from_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    costs = {name: 1.0 / (3 + k) for k, name in enumerate(names_of(Size)) if name != "teacher_size"}
    pruned = a_row(1, route="pruned", method="iterative-global", parent="s0", prune_ratio=0.36)
    table = TrialTable.from_rows(
        [
            a_row(0) | costs,
            pruned,
            a_row(2, route="distilled", teacher="s0", teacher_size=610.0, energy_joules=2.5),
        ]
    )
    write_table(table, tmp_path / f"trials{suffix}")
    again = read_table(tmp_path / f"trials{suffix}")
    assert again.route == ("trained", "pruned", "distilled")
    assert again.method == ("", "iterative-global", "")
    assert again.parent == ("", "s0", "") and again.teacher == ("", "", "s0")
    for name in names_of(Size):
        np.testing.assert_array_equal(again.column(name), table.column(name))
