"""Columns that sort the sizes into ladders: asked about where these clearly differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.errors import Question
from analysis.table.draft import Asked
from analysis.table.reading import Reading, read
from analysis.table.sheet import Sheet

SIZES = [100.0 * 2**k for k in range(6)]
Rows = list[dict[str, Any]]


def ladders(
    levels: list[Any], *, apart: float, runs: int = 1, spread: float = 0.01, shift: float = 1.4,
    name: str = "n_layers", seed: int = 0,
) -> Rows:  # fmt: skip
    """Rows of a ladder for each level, each so much worse than the one before."""
    rng = np.random.default_rng(seed)
    rows = []
    for k, level in enumerate(levels):
        for n in SIZES:
            for _ in range(runs):
                size = n * shift**k
                error = (0.05 + 0.4 * (size / 100) ** -0.6) * apart**k
                luck = np.exp(spread * rng.standard_normal())
                rows.append({"params": round(size), "err": error * luck, name: level})
    return rows


def reading(rows: Rows, **asked: Any) -> Reading:
    return read(Sheet.of_rows(rows, name="t"), Asked(size="params", error="err", **asked))


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("shift", [1.0, 1.4, 2.0])
@pytest.mark.parametrize("levels", [["2", "4.0"], ["shallow", "deep"], [1, 2, 8]])
def test_ladders_that_clearly_differ_are_asked_about(
    levels: list[Any], shift: float, runs: int
) -> None:
    with pytest.raises(Question, match="lie on curves of their own: at one size") as asked:
        reading(ladders(levels, apart=1.3, runs=runs, shift=shift))
    assert asked.value.add == ("--shape n_layers", "--alike n_layers")
    assert "say --shape n_layers for a curve of each" in str(asked.value)


@pytest.mark.parametrize("answer", [{"shape": ("n_layers",)}, {"alike": ("n_layers",)}])
def test_either_answer_is_one(answer: dict[str, Any]) -> None:
    assert len(reading(ladders([2, 4], apart=1.3), **answer).table) == 12


@pytest.mark.parametrize("shift", [1.0, 1.4])
@pytest.mark.parametrize("runs", [1, 3])
def test_ladders_that_do_not_differ_are_noted(runs: int, shift: float) -> None:
    asked = 0
    for seed in range(20):
        rows = ladders([2, 4, 8], apart=1.0, runs=runs, spread=0.1, shift=shift, seed=seed)
        try:
            (note,) = (one for one in reading(rows).account.notes if "n_layers" in one)
        except Question:
            asked += 1
            continue
        assert note == (
            "models differ in n_layers (2, 4, 8) and do not clearly differ for it; --shape "
            "n_layers compares them"
        )
    assert asked == 0


def test_of_several_columns_the_one_with_the_longest_ladders_is_asked_about() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for depth in (2, 4, 8):
        for width in (8, 12, 16, 24, 32, 48):
            n = depth * width**2
            error = (0.05 + 0.4 * (n / 100) ** -0.6) * {2: 1.3, 4: 1.0, 8: 1.2}[depth]
            error *= np.exp(0.01 * rng.standard_normal())
            rows.append({"params": n, "err": error, "hidden_size": width, "num_layers": depth})
    with pytest.raises(Question, match="say --shape num_layers"):
        reading(rows)


@pytest.mark.parametrize(
    "rows",
    [
        ladders([2, 4], apart=1.3, name="colour"),
        ladders([2, 4], apart=1.3, shift=100.0),
        [row for row in ladders([2, 4], apart=1.3) if row["n_layers"] == 2 or row["params"] < 200],
        [row | {"n_layers": row["params"]} for row in ladders([2], apart=1.0)],
    ],
    ids=["no shape", "no overlap", "short", "each its own"],
)
def test_what_makes_no_ladders_is_not_asked_about(rows: Rows) -> None:
    found = reading(rows)
    assert len(found.table) == len(rows)
    assert not any("clearly differ" in note for note in found.account.notes)


def test_a_table_with_the_cells_of_a_study_is_taken_at_its_word() -> None:
    rows = [
        row | {"cell": f"n1280-width{k % 6}-depth{row['depth']}"}
        for k, row in enumerate(ladders([1, 2], apart=1.3, name="depth"))
    ]
    found = reading(rows)
    assert found.shape == ("depth",)
    (taken,) = (one for one in found.account.columns if one.role == "shape")
    assert taken.why == "the names of its cells"
