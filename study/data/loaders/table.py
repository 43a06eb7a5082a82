"""Tables: CSV and Parquet by column names, NPZ by array names."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search_spaces.errors import nearest
from study.data.arrays import as_column, as_inputs
from study.data.dataset import Examples, Loader, resolve
from study.data.loaders.function import examples_of, from_arrays
from study.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from study.data.source import DataSource

NPZ = ".npz"
FORMATS = (".csv", ".parquet", NPZ)


def load(source: DataSource, base: Path, cache: Path | None) -> Examples:
    """Return the columns named as inputs, ``(rows, columns)``, and the target."""
    path = resolve(source.file, base)
    if path.suffix.lower() == NPZ:
        return _load_arrays(source, path)
    table = _read(path, "data.file")
    tests = None
    if source.test_file:
        tests = _read(resolve(source.test_file, base), "data.test_file")
    features = _features(source, table)
    indices = [] if source.features else [name for name in features if _is_index(table, name)]
    if len(indices) < len(features):
        features = [name for name in features if name not in indices]
    else:
        indices = []
    x = _inputs(table, features, "data.file")
    x_test = None if tests is None else _inputs(tests, features, "data.test_file")
    y = _column(table, source.target, "data.target")
    y_test = None if tests is None else _column(tests, source.target, "data.target")
    key = f"data.target: column {source.target!r}"
    found = examples_of(source.task, x, y, x_test, y_test, (key, key), in_range=False)
    notes = tuple(
        f"data.features: column {name!r} numbers the rows and is no input, since their order may "
        "give the target away; name it in data.features to have it"
        for name in indices
    )
    return replace(found, notes=(*found.notes, *notes))


def check(source: DataSource, base: Path | None) -> list[str]:
    """Return what is wrong with the files, and what columns and arrays cannot be."""
    mistakes: list[str] = []
    if Path(source.file).suffix.lower() == NPZ:
        if len(source.features) > 1:
            mistakes.append(
                f"data.features: names the one array of inputs of an NPZ file, got "
                f"{list(source.features)}; stack them into one array"
            )
        if source.test_file:
            mistakes.append(
                f"data.test_file: an NPZ file holds its own test set, got {source.test_file!r}; "
                "put arrays x_test and y_test into data.file"
            )
    elif source.file and not source.target:
        mistakes.append("data.target: must name the column to predict, got ''; add it")
    if Path(source.test_file).suffix.lower() == NPZ and not mistakes:
        mistakes.append(
            f"data.test_file: must be a CSV or Parquet file like data.file, got "
            f"{source.test_file!r}; convert it"
        )
    if source.target and source.target in source.features:
        mistakes.append(
            f"data.features: must not hold the target, got {source.target!r}; remove it there"
        )
    if len(set(source.features)) < len(source.features):
        mistakes.append(
            f"data.features: each column must come once, got {list(source.features)}; drop repeats"
        )
    return [*_files(source, base), *mistakes]


def _files(source: DataSource, base: Path | None) -> list[str]:
    mistakes = []
    for key, path in (("data.file", source.file), ("data.test_file", source.test_file)):
        if path and Path(path).suffix.lower() not in FORMATS:
            formats = ", ".join(FORMATS)
            mistakes.append(f"{key}: must end in {formats}, got {path!r}; convert the file")
        elif path and base is not None and not resolve(path, base).is_file():
            there = resolve(path, base)
            mistakes.append(f"{key}: there is no such file, got {there}; correct the path")
    return mistakes


def _read(path: Path, key: str) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(path, low_memory=False)
        else:
            table = pd.read_parquet(path)
    except (OSError, ValueError, UnicodeError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"{key}: cannot be read, got {path} ({words}); check the file") from error
    if table.empty:
        raise DataError(f"{key}: must have rows, got none in {path}; check the file")
    return table


def _features(source: DataSource, table: pd.DataFrame) -> list[str]:
    columns = [str(column) for column in table.columns]
    for name, key in [(source.target, "data.target")] + [
        (name, "data.features") for name in source.features
    ]:
        if name not in columns:
            hint = nearest(name, columns) or f"; there are {', '.join(columns[:10])}"
            raise DataError(f"{key}: no such column in {source.file}, got {name!r}{hint}")
    features = list(source.features) or [name for name in columns if name != source.target]
    if not features:
        raise DataError(
            f"data.features: a table needs a column besides the target, got {source.target!r} "
            "only; add one"
        )
    return features


def _is_index(table: pd.DataFrame, name: str) -> bool:
    """Tell whether a column is the index with which pandas wrote the rows.

    By its name and its values: under a name that only pandas gives, any whole numbers without a
    repeat (rows may have been chosen or shuffled); as ``index`` or ``level_0``, also all the
    numbers from 0 or 1 on, since that name may be a quantity's.
    """
    values = table[name]
    if values.dtype.kind not in "iu" or not values.is_unique:
        return False
    if re.fullmatch(r"Unnamed: \d+|__index_level_\d+__|\s*", name):
        return True
    counts = values.min() in (0, 1) and values.max() - values.min() == len(values) - 1
    return name.casefold() in ("index", "level_0") and bool(counts)


def _column(table: pd.DataFrame, name: str, key: str) -> npt.NDArray[np.generic]:
    """One column; texts and missing values as objects."""
    if name not in table.columns:
        raise DataError(f"{key}: no such column in data.test_file, got {name!r}; add it")
    series = table[name]
    if series.dtype.kind in "biuf" and isinstance(series.dtype, np.dtype):
        return as_column(series.to_numpy(), len(table), key)
    return as_column(series.to_numpy(dtype=object), len(table), key)


def _inputs(table: pd.DataFrame, features: list[str], key: str) -> npt.NDArray[np.float32]:
    """Stack numeric columns; name every column that is not, or that has gaps."""
    import pandas as pd

    absent = [name for name in features if name not in table.columns]
    if absent:
        raise DataError(f"{key}: must have the columns of data.file, got no {absent[0]!r}; add it")
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(table[name])]
    if texts:
        raise DataError(
            f"{key}: inputs must be numbers, got other values in {_names(texts)}; encode them or "
            "leave them out with data.features"
        )
    columns = [table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in features]
    gaps = [
        f"{name!r} ({int((~np.isfinite(column)).sum())} rows)"
        for name, column in zip(features, columns, strict=True)
        if not np.isfinite(column).all()
    ]
    if gaps:
        listed = ", ".join(gaps[:5]) + (f" and {len(gaps) - 5} more" if len(gaps) > 5 else "")
        raise DataError(
            f"{key}: inputs must have no missing, NaN or infinite values, got {listed} of "
            f"{len(table)}; fill them in, drop the rows, or leave the columns out with "
            "data.features"
        )
    return as_inputs(np.stack(columns, axis=1), key)


def _load_arrays(source: DataSource, path: Path) -> Examples:
    x_name, y_name = (source.features or ("x",))[0], source.target or "y"
    wanted = [x_name, y_name, f"{x_name}_test", f"{y_name}_test"]
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            held = list(file.files)
            parts: list[Any] = [file[name] if name in held else None for name in wanted]
    except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        words = " ".join(str(error).split())
        raise DataError(
            f"data.file: cannot be read, got {path} ({words}); save plain arrays with numpy.savez"
        ) from error
    for name, part, key in zip(wanted[:2], parts, ("data.features", "data.target"), strict=False):
        if part is None:
            hint = nearest(name, held) or f"; it has {', '.join(held) or 'none'}"
            raise DataError(f"{key}: no such array in {source.file}, got {name!r}{hint}")
    if (parts[2] is None) != (parts[3] is None):
        there, gone = (wanted[2], wanted[3]) if parts[3] is None else (wanted[3], wanted[2])
        raise DataError(f"data.file: {there!r} needs {gone!r} beside it, got one; add the other")
    return from_arrays(source, "data.file", *parts)


def _names(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")


LOADER = Loader(
    load=load,
    uses=frozenset({"file", "test_file", "target", "features", "task"}),
    requires=frozenset({"file", "task"}),
    check=check,
    words="your CSV, Parquet or NPZ file",
    phrase=lambda source: source.file.rsplit("/", 1)[-1],
)
