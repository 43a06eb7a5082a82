"""Columns that say how a size is made: what ``--shape`` takes, and what is asked without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.errors import AnalysisError, Question
from analysis.fitted import fit_curve
from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.draft import Asked
from analysis.table.reading import Reading, read, read_table
from analysis.table.sheet import NOTHING, Sheet

FEW = AnalysisSettings(resamples=100)
SIZES = [100.0 * 2**k for k in range(6)]


def ladders(
    apart: float = 1.4,
    *,
    runs: int = 2,
    noise: float = 0.01,
    shift: float = 1.0,
    named: Mapping[str, Any] = NOTHING,
    **columns: Any,
) -> list[dict[str, Any]]:
    """Rows of two ladders; a column has a value for each of them."""
    rng = np.random.default_rng(0)
    rows = []
    for ladder in (0, 1):
        for n in SIZES:
            for seed in range(runs):
                size = n * shift**ladder
                error = (0.05 + 0.4 * (size / 100) ** -0.6) * apart**ladder
                row = {"params": round(size), "test_error": error, "seed": seed}
                row["test_error"] *= np.exp(noise * rng.standard_normal())
                rows.append(
                    row | {name: values[ladder] for name, values in {**columns, **named}.items()}
                )
    return rows


def reading(rows: list[dict[str, Any]], **asked: Any) -> Reading:
    return read(Sheet.of_rows(rows, name="t"), Asked(size="params", **asked))


def test_rows_of_one_size_and_another_shape_are_neither_replicates_nor_asked_about() -> None:
    found = reading(ladders(heads=["2", 4.0]), shape=("heads",))
    assert found.shape == ("heads",)
    assert found.table.params["heads"] == (2,) * 12 + (4,) * 12
    assert found.account.replicate == "rows of one size (2 each, told apart by seed)"
    (taken,) = (one for one in found.account.columns if one.column == "heads")
    assert (taken.role, taken.why) == ("shape", "--shape")


def test_a_whole_depth_stands_in_its_field_and_a_word_among_the_parameters() -> None:
    rows = ladders(Width=["narrow", "wide"], named={"config.depth": ["2.0", "4"]})
    found = reading(rows, shape=("depth", "Width"))
    assert found.shape == ("depth", "Width")
    assert set(found.table.depth.tolist()) == {2, 4}
    assert set(found.table.params["Width"]) == {"narrow", "wide"}
    words = reading(ladders(depth=["shallow", "deep"]), shape=("depth",))
    assert set(words.table.params["depth"]) == {"shallow", "deep"}
    assert set(words.table.depth.tolist()) == {-1}


def test_rows_without_a_shape_are_left_out_and_counted() -> None:
    rows = ladders(heads=[2, 4])
    for k in (0, 5, 7):
        rows[k]["heads"] = ["", None, "n/a"][k % 3]
    found = reading(rows, shape=("heads",))
    assert len(found.table) == 21
    (out,) = found.account.left_out
    assert (out.reason, out.column, out.count) == ("no shape", "heads", 3)


def test_what_a_shape_says_too_is_not_asked_about() -> None:
    rows = ladders(heads=[2, 4], arch=["thin", "thick"])
    assert len(reading(rows, shape=("heads",)).table) == 24
    with pytest.raises(Question, match="say --shape heads for a curve of each") as asked:
        reading(rows)
    assert asked.value.add == ("--shape heads", "--alike heads")


def test_the_best_setting_is_that_of_each_shape() -> None:
    rows = [
        row | {"lr": lr, "test_error": row["test_error"] * (1 + lr)}
        for row in ladders(heads=[2, 4])
        for lr in (0.1, 0.3)
    ]
    found = reading(rows, shape=("heads",), tuned=("lr",))
    assert found.table.params["heads"] == (2,) * 12 + (4,) * 12


def test_too_many_shapes_and_unknown_columns_are_refused_in_one_line() -> None:
    rows = [row | {"units": k} for k, row in enumerate(ladders(runs=3))]
    with pytest.raises(AnalysisError, match="36 different values, at most 24 can be shapes; name"):
        reading(rows, shape=("units",))
    with pytest.raises(
        AnalysisError, match="--shape: t has no column 'unit'; did you mean 'units'"
    ):
        reading(rows, shape=("unit",))
    with pytest.raises(AnalysisError, match="is the size or the error itself"):
        reading(rows, shape=("params",))


def test_a_table_is_read_with_its_shapes_from_python(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = ladders(named={"config.heads": [2, 4]})
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines))
    columns = {"n_parameters": "params", "test_error": "test_error"}
    table = read_table(path, columns=columns, shape=["heads"])
    assert table.params["heads"] == (2,) * 12 + (4,) * 12
    assert table.shape == ("heads",)
    for settings in (AnalysisSettings(shape=("heads",), resamples=100), FEW):
        found = analyse(table, settings)
        assert found.to_json()["settings"]["shape"] == ["heads"]
        assert found.found("best_shape")
    assert read_table(path, columns=columns, shape="heads").shape == ("heads",)


def test_a_data_frame_is_a_table_and_anything_else_is_refused_in_one_line() -> None:
    pandas = pytest.importorskip("pandas")
    rows = [{"n_parameters": row.pop("params"), **row} for row in ladders(heads=[2, 4])]
    frame = pandas.DataFrame(rows, index=range(100, 100 + len(rows)))
    table = read_table(frame, shape=["heads"])
    assert table.params["heads"] == (2,) * 12 + (4,) * 12
    with pytest.raises(AnalysisError, match=r"got a DataFrame; read it with payoff\.read_table"):
        analyse(frame, FEW)
    with pytest.raises(AnalysisError, match="the path of a file or a DataFrame, got 3"):
        read_table(3)  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="columns 4 and 5 are both called 'heads'"):
        read_table(pandas.concat([frame, frame["heads"]], axis=1))
    with pytest.raises(AnalysisError, match="DataFrame: holds no trial"):
        read_table(frame[:0])


def test_python_is_asked_with_the_names_of_its_arguments(tmp_path: Path) -> None:
    rows = [{"n_parameters": row.pop("params"), **row} for row in ladders(heads=[2, 4])]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)]))
    with pytest.raises(Question, match=r"in Python: --shape is shape=\[\"\.\.\.\"\], --where is"):
        read_table(path)


def test_a_table_that_payoff_wrote_has_its_depths(tmp_path: Path) -> None:
    rows = [
        {"n_parameters": row.pop("params"), "slot": f"s{k}", "trial": k, **row}
        for k, row in enumerate(ladders(depth=[1, 2]))
    ]
    sheet = Sheet.of_rows(rows, name="t", ours=True)
    found = read(sheet, Asked(shape=("depth",)))
    assert found.shape == ("depth",) and set(found.table.depth.tolist()) == {1, 2}


def test_a_curve_is_fitted_with_the_shape_of_each_run() -> None:
    rows = ladders()
    arrays = ([row["params"] for row in rows], [row["test_error"] for row in rows])
    labels = ["shallow"] * 12 + ["deep"] * 11 + [None]
    fit = fit_curve(*arrays, shape=labels, settings=AnalysisSettings(resamples=100))
    assert fit.settings.shape == ("shape",)
    assert fit.curve.replicates.sum() == 23
    assert [(one.about, one.count) for one in fit.curve.excluded] == [("runs without a shape", 1)]
    assert {one.shape for one in fit.best_shapes()} == {"shape shallow"}
    assert "\nShape: " in fit.summary() and "left out: 1 runs without a shape" in fit.summary()
    assert fit_curve(*arrays, settings=FEW).best_shapes() == ()
    with pytest.raises(AnalysisError, match="must have one length"):
        fit_curve(*arrays, shape=["deep"])
    with pytest.raises(AnalysisError, match="shape: it has 26 different values"):
        fit_curve([*arrays[0], 1, 2], [*arrays[1], 0.5, 0.4], shape=list(range(26)))


def test_depths_in_words_are_shapes_of_the_curve() -> None:
    found = reading(ladders(depth=["shallow", "deep"]), shape=("depth",))
    analysis = analyse(found.table, AnalysisSettings(shape=found.shape, resamples=100))
    names = {shape.name for shape in analysis.fits[0].curve.shapes}
    assert names == {"depth shallow", "depth deep"}


@pytest.mark.parametrize("name", ["d_model", "config.hidden_size", "width", "channels"])
def test_what_grows_a_ladder_is_found_by_its_name(name: str) -> None:
    rows = [
        row | {name: f"{(row['params'] / row['n_layers']) ** 0.5:.0f}", "note": "x"}
        for row in ladders(n_layers=[2, 4])
    ]
    found = reading(rows, shape=("n_layers",))
    analysis = analyse(found.table, FEW)
    (one,) = analysis.shapes
    assert one.grown_by == name.removeprefix("config.") and one.axes == ("n_layers",)
    words = reading([row | {name: "wide"} for row in rows], shape=("n_layers",))
    assert analyse(words.table, FEW).shapes[0].grown_by == ""
