"""Tables in three formats, for classification and regression, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.data.dataset import Dataset
from study.data.registry import load_dataset
from study.data.source import DataSource
from study.data.subsets import draw_split
from study.errors import DataError


def frame(n: int = 100) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "height": generator.normal(170, 10, n),
            "count": generator.integers(0, 5, n),
            "flag": generator.integers(0, 2, n).astype(bool),
            "kind": np.array(["cat", "dog"])[np.arange(n) % 2],
            "price": generator.lognormal(size=n),
        }
    )


def load(tmp_path: Path, table: pd.DataFrame | None, file: str = "t.csv", **fields: Any) -> Dataset:
    if table is not None:
        write = table.to_csv if file.endswith(".csv") else table.to_parquet
        write(tmp_path / file, index=False)
    source: dict[str, Any] = {
        "name": "table",
        "file": file,
        "target": "kind",
        "features": ("height", "count", "flag"),
        "task": "classification",
        "test_sets": "fixed",
    }
    return load_dataset(DataSource(**{**source, **fields}), base=tmp_path)


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_text_labels_and_numeric_columns_are_read(file: str, tmp_path: Path) -> None:
    data = load(tmp_path, frame(), file)
    assert data.classes == ("cat", "dog")
    assert data.input_shape == (3,)
    assert (len(data.x_test), data.n_validation, data.pool) == (20, 8, 72)
    rows = {
        (row.tobytes(), label)
        for x, y in ((data.x_development, data.y_development), (data.x_test, data.y_test))
        for row, label in zip(x, y.tolist(), strict=True)
    }
    numbers = frame()[["height", "count", "flag"]].to_numpy(dtype=np.float32)
    wanted = zip(numbers, frame()["kind"] == "dog", strict=True)
    assert rows == {(row.tobytes(), int(label)) for row, label in wanted}


def test_both_formats_give_the_same_data(tmp_path: Path) -> None:
    assert load(tmp_path, frame(), "t.csv").digest == load(tmp_path, frame(), "t.parquet").digest


def test_regression_targets_are_read_and_every_other_column_is_an_input(tmp_path: Path) -> None:
    table = frame().drop(columns="kind")
    data = load(tmp_path, table, target="price", features=(), task="regression")
    assert (data.task, data.n_outputs, data.classes, data.input_shape) == (
        "regression",
        1,
        (),
        (3,),
    )
    targets = np.concatenate([data.y_development, data.y_test])
    assert sorted(targets.tolist()) == sorted(table["price"].astype(np.float32).tolist())
    assert draw_split(data, 50, 0, 0).y_train.std() == pytest.approx(1, abs=1e-5)


def test_a_second_file_is_the_test_set(tmp_path: Path) -> None:
    frame(30).iloc[:, ::-1].to_csv(tmp_path / "test.csv", index=False)
    data = load(tmp_path, frame(), test_file="test.csv")
    assert (len(data.x_development), len(data.x_test)) == (100, 30)
    wanted = frame(30)[["height", "count", "flag"]].to_numpy(dtype=np.float32)
    assert np.array_equal(data.x_test, wanted)
    assert data.y_test.tolist() == [0, 1] * 15


def test_numbered_labels_may_start_anywhere_in_a_table(tmp_path: Path) -> None:
    table = frame().assign(kind=np.arange(100) % 3 + 5)
    assert load(tmp_path, table).classes == ("5", "6", "7")


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        ({}, {"target": "knid"}, "data.target: no such column in t.csv, got 'knid'; did you mean"),
        (
            {},
            {"features": ("heigth",)},
            "data.features: no such column in t.csv, got 'heigth'; did you mean 'height'?",
        ),
        (
            {},
            {"target": "price", "task": "regression", "features": ()},
            "data.file: inputs must be numbers, got other values in 'kind'; encode them or leave",
        ),
        (
            {"height": [np.nan, np.inf, *range(98)], "count": [np.nan, *range(99)]},
            {},
            "data.file: inputs must have no missing, NaN or infinite values, got 'height' (2 "
            "rows), 'count' (1 rows) of 100; fill them in, drop the rows, or leave the columns out",
        ),
        (
            {"kind": [None, *(["cat", "dog"] * 50)[1:]]},
            {},
            "data.target: column 'kind': must have no missing, NaN or infinite values, got 1 of "
            "100 (rows 0, counted from 0); fill them in or drop the rows",
        ),
        (
            {"price": [np.nan, np.inf, *range(98)]},
            {"target": "price", "task": "regression"},
            "data.target: column 'price': must have no missing, NaN or infinite values, got 2 of",
        ),
        ({}, {"task": "regression"}, "data.target: column 'kind': regression targets must be numb"),
        (
            {},
            {"target": "price"},
            "data.target: column 'price': labels must be whole numbers or te",
        ),
        (
            {"height": [1e300] * 100},
            {},
            "data.file: must have no missing, NaN or infinite values, got 100 of 100",
        ),
    ],
)
def test_what_cannot_be_used_is_named(
    change: dict[str, Any], fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, frame().assign(**change), **fields)
    assert str(caught.value).startswith(message)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    for file, content, message in [
        ("t.csv", b"", "cannot be read"),
        ("t.csv", b"height,count,flag,kind\n", "must have rows, got none"),
        ("t.csv", b"height,count\n1,2\n1,2,3,4\n", "cannot be read"),
        ("t.csv", b"\xff\xfe\x00", "cannot be read"),
        ("t.parquet", b"PAR0", "cannot be read"),
    ]:
        (tmp_path / file).write_bytes(content)
        with pytest.raises(DataError, match=rf"^data.file: {message}"):
            load(tmp_path, None, file)
    (tmp_path / "test.csv").write_text("height,count,kind\n1,2,cat\n")
    with pytest.raises(DataError, match=r"data.test_file: must have the columns of .* no 'flag'"):
        load(tmp_path, frame(), test_file="test.csv")


def test_one_column_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs a column besides the target"):
        load(tmp_path, frame()[["kind"]], features=())


def arrays(tmp_path: Path, task: str = "classification", **held: Any) -> Dataset:
    np.savez(tmp_path / "a.npz", **held)
    fields: dict[str, Any] = {"name": "table", "file": "a.npz", "task": task, "test_sets": "fixed"}
    if "inputs" in held:
        fields |= {"features": ("inputs",), "target": "labels"}
    return load_dataset(DataSource(**fields), base=tmp_path)


def test_arrays_of_any_shape_are_read_from_npz(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3, 4, 4))
    data = arrays(tmp_path, x=x, y=np.arange(50) % 5)
    assert (data.input_shape, data.n_outputs, len(data.x_test)) == ((3, 4, 4), 5, 10)
    own = arrays(tmp_path, x=x, y=np.arange(50) % 5, x_test=x[:7] + 1, y_test=np.arange(7) % 5)
    assert (len(own.x_development), len(own.x_test)) == (50, 7)
    named = arrays(tmp_path, inputs=x[:, 0], labels=np.array(["a", "b"] * 25))
    assert (named.input_shape, named.classes) == ((4, 4), ("a", "b"))
    line = arrays(tmp_path, "regression", x=np.arange(50.0), y=np.arange(50.0) ** 2)
    assert (line.input_shape, line.n_outputs) == ((1,), 1)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"x": np.ones((4, 2))}, "data.target: no such array in a.npz, got 'y'; it has x"),
        ({"X": np.ones((4, 2)), "y": [0, 1] * 2}, "data.features: no such array in a.npz, got 'x'"),
        (
            {"x": np.eye(4), "y": [0, 1]},
            "data.file (y): must be one value for each of the 4 exampl",
        ),
        (
            {"x": np.eye(4), "y": [1, 2] * 2},
            "data.file (y): 2 classes must be numbered 0 to 1, got 2",
        ),
        (
            {"x": np.eye(4) * np.nan, "y": [0, 1] * 2},
            "data.file (x): must have no missing, NaN or ",
        ),
        (
            {"x": np.array(["a"] * 4), "y": [0, 1] * 2},
            "data.file (x): must be numbers, got an arra",
        ),
        (
            {"x": np.ones((0, 2)), "y": []},
            "data.file (x): must have examples, got the shape (0, 2)",
        ),
        ({"x": np.eye(4), "y": np.array([0, 1, None, 1])}, "data.file: cannot be read, got "),
        ({"x": np.eye(4), "y": [0, 1] * 2, "x_test": np.eye(4)}, "data.file: 'x_test' needs 'y_te"),
        (
            {"x": np.eye(4), "y": [0, 1] * 2, "x_test": np.eye(3), "y_test": [0, 1, 0]},
            "data.file (x_test): examples must have the shape of x, (4,), got (3,)",
        ),
    ],
)
def test_arrays_that_cannot_be_used_are_named(
    held: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        arrays(tmp_path, **held)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"no archive", b"PK\x03\x04broken"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"^data.file: cannot be read, got .*a.npz"):
            load_dataset(DataSource(name="table", file="a.npz", task="regression"), base=tmp_path)


def test_negative_zero_is_zero(tmp_path: Path) -> None:
    x = np.array([[0.0], [-0.0], [1.0], [2.0], [3.0]] * 4)
    data = arrays(tmp_path, "regression", x=x, y=np.arange(20.0))
    assert not np.signbit(np.concatenate([data.x_development, data.x_test])).any()


@pytest.mark.parametrize("order", ["as they are", "shuffled and chosen"])
def test_an_index_that_pandas_wrote_is_no_input_and_that_is_said(
    order: str, tmp_path: Path
) -> None:
    table = frame().sort_values("kind").drop(columns="price").reset_index(drop=True)
    if order != "as they are":
        table = table.sample(frac=0.8, random_state=0)
    table.to_csv(tmp_path / "t.csv")  # with its index, which tells the sorted labels
    data = load(tmp_path, None, features=())
    assert data.input_shape == (3,)
    (note,) = [note for note in data.notes if "Unnamed: 0" in note]
    assert "numbers the rows and is no input" in note
    without = load(tmp_path, table, "u.csv", features=())
    assert data.digest == without.digest
    asked = load(tmp_path, None, features=("Unnamed: 0", "height"))
    assert asked.input_shape == (2,)
    assert asked.notes == without.notes


@pytest.mark.parametrize(
    ("values", "left_out"),
    [
        (np.arange(100), True),
        (np.arange(100)[::-1] + 1, True),
        (np.arange(100) * 3, False),  # a quantity of that name
        (np.arange(100) / 2, False),
        (np.arange(100) % 50, False),
    ],
)
def test_a_column_called_index_is_one_only_where_it_counts_the_rows(
    values: np.ndarray[Any, Any], left_out: bool, tmp_path: Path
) -> None:
    table = frame().drop(columns="price").assign(index=values)
    data = load(tmp_path, table, features=())
    assert data.input_shape == (3 if left_out else 4,)
    assert any("'index'" in note for note in data.notes) is left_out


def test_a_table_of_an_index_alone_keeps_it(tmp_path: Path) -> None:
    table = frame()[["kind"]]
    table.to_csv(tmp_path / "t.csv")
    assert load(tmp_path, None, features=()).input_shape == (1,)
