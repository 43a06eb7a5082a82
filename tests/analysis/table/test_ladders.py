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


def grid(**columns: Any) -> Rows:
    """A ladder for each pair of two columns' values; the width follows."""
    (one, firsts), (other, seconds) = columns.items()
    rng = np.random.default_rng(0)
    return [
        {
            "params": n, one: a, other: b, "d_model": round((n / (1 + j + 2 * k)) ** 0.5),
            "err": (0.05 + 0.4 * (n / 100) ** -0.6) * 1.3**j * 1.2**k
            * np.exp(0.01 * rng.standard_normal()),
        }
        for j, a in enumerate(firsts) for k, b in enumerate(seconds) for n in SIZES
    ]  # fmt: skip


def test_several_columns_that_make_ladders_are_proposed_together_and_no_width() -> None:
    with pytest.raises(Question, match="say --shape heads,blocks for") as asked:
        reading(grid(heads=[4, 8], blocks=[1, 3]))
    assert asked.value.add == ("--shape heads,blocks", "--alike heads,blocks")
    for answer in ({"shape": ("heads", "blocks")}, {"alike": ("heads", "blocks")}):
        assert len(reading(grid(heads=[4, 8], blocks=[1, 3]), **answer).table) == 24


def test_what_follows_from_width_and_depth_is_no_shape_of_its_own() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for layers in (2, 4, 8):
        for width in (64, 128, 192, 256, 384, 512):
            n = layers * width**2
            error = (0.05 + 0.4 * (n / 8192) ** -0.6) * {2: 1.3, 4: 1.0, 8: 1.2}[layers]
            error *= np.exp(0.01 * rng.standard_normal())
            rows.append({"params": n, "err": error, "heads": width // 64, "d_model": width,
                         "n_layers": layers})  # fmt: skip
    with pytest.raises(Question, match="say --shape n_layers for"):
        reading(rows)


@pytest.mark.parametrize("name", ["arch", "family", "style"])
def test_words_that_make_ladders_may_be_a_shape(name: str) -> None:
    rows = ladders(["shallow", "deep"], apart=1.3, runs=3, shift=1.0, name=name)
    with pytest.raises(Question, match=f"or --shape {name} if it says how a size is made"):
        reading(rows)
    rows = ladders(["a", "b"], apart=1.3, runs=3, shift=1.0, name="dataset")
    with pytest.raises(Question) as asked:
        reading(rows)
    assert "--shape" not in str(asked.value)


@pytest.mark.parametrize(
    "name", ["latency ms", "peak_memory_gb", "step_latency", "GFLOPs", "energy (J)", "model_flops"]
)
def test_what_is_measured_is_no_condition(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = [
        row | {name: f"{row['params'] ** 0.5 * np.exp(0.1 * rng.standard_normal()):.3f}"}
        for row in ladders([2], apart=1.0, runs=6)
    ]
    for row in rows:
        del row["n_layers"]
    assert len(reading(rows).table) == 36
    with_unit = [row | {name: f"{row[name]} ms"} for row in rows]
    assert len(reading(with_unit).table) == 36


def test_of_a_column_of_many_values_no_single_one_is_offered() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for row in ladders([2], apart=1.0, runs=30):
        knob = rng.uniform()
        del row["n_layers"]
        rows.append(row | {"knob": f"{knob:.4f}", "err": row["err"] * (1 + knob)})
    with pytest.raises(
        Question, match=r"differ in 'knob' .* values.; if tuned, --tuned knob"
    ) as asked:
        reading(rows)
    assert "--where" not in str(asked.value)
