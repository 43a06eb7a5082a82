"""Columns of cells as numbers: one convention a column, asked where two fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import AnalysisError, Question
from analysis.table.cells import take_apart
from analysis.table.numbers import Numbers, read_numbers
from analysis.table.sheet import Sheet


def read(*cells: Any, **options: Any) -> Numbers:
    return read_numbers(cells, column="x", option="--size", **options)


@pytest.mark.parametrize(
    ("cells", "values", "read_as"),
    [
        (("22.9M", "350k"), (22.9e6, 350e3), "suffixes k, M"),
        (("1.2B", "7 billion"), (1.2e9, 7e9), "suffixes B, billion"),
        (("33,554,432", "12"), (33554432, 12), "commas between thousands"),
        (("1.014,45", "22,9"), (1014.45, 22.9), "decimal commas; points between thousands"),
        (("1,00,000", "12,345"), (100_000, 12_345), "commas between thousands"),
        (("79.0%", "8 %"), (0.79, 0.08), "percent"),
        (("1e19", "2.5E+3"), (1e19, 2500), ""),
        (("1.5×10^9", "2 x 10^-3", "3·10⁴"), (1.5e9, 2e-3, 3e4), ""),
        (("2^20", "10^6"), (2**20, 1e6), ""),
        (("1 000 000", "1'024", "1_000"), (1e6, 1024, 1000), ""),
        (("12 MB", "3 KiB", "100B"), (12e6, 3072, 100), "suffixes B, KiB, MB"),
        (("3.5ms", "2s", "1 min"), (3.5e-3, 2, 60), "in second"),
        (("~12M", "ca. 3M"), (12e6, 3e6), "suffixes M; some are about so much"),
        (("$1.5$", "\\textbf{2}", "3†", "**4**", '="5"'), (1.5, 2, 3, 4, 5), ""),
        (("−1.5", "+2"), (-1.5, 2), ""),
        (("inf", "-Infinity", "1"), (math.inf, -math.inf, 1), ""),
        (("n/a", "", "-", "NaN", None, "3"), (math.nan,) * 5 + (3,), ""),
    ],
)
def test_numbers_as_people_write_them(
    cells: tuple[Any, ...], values: tuple[float, ...], read_as: str
) -> None:
    found = read(*cells)
    np.testing.assert_array_equal(found.values, values)
    assert found.read_as == read_as and not found.broken.any()


def test_a_spread_is_read_with_its_number() -> None:
    for cell in ("0.31±0.02", "0.31 +/- 0.02", "0.31 \\pm 0.02", "0.31 (0.02)", "31 ± 2 %"):
        found = read(cell, "0.5" if "%" not in cell else "50%")
        assert (found.values[0], found.values[1]) == (0.31, 0.5), cell
        assert found.spread is not None
        assert found.spread[0] == 0.02 and math.isnan(found.spread[1]), cell


def test_a_cell_that_is_no_number_is_broken_and_the_others_are_read() -> None:
    found = read("10", "oops", "20", "<5", "3072x12", "7", "8")
    np.testing.assert_array_equal(found.broken, [False, True, False, True, True, False, False])
    np.testing.assert_array_equal(found.values, [10, math.nan, 20, math.nan, math.nan, 7, 8])


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        (
            ("1.000", "2.000"),
            "(row 1) can be 1.000 or 1000; say --decimal . or --decimal ,",
        ),
        (
            ("1,000", "64,000"),
            "(row 1) can be 1.000 or 1000; say --decimal , or --decimal .",
        ),
        (("3072x12", "768x12"), "holds names such as '3072x12'"),
        (("small", "large"), "holds words such as 'small'"),
    ],
)
def test_what_has_two_readings_or_none_is_asked(cells: tuple[str, ...], asked: str) -> None:
    with pytest.raises(Question) as caught:
        read(*cells, counted=True)
    assert asked in str(caught.value)
    assert "--size" in str(caught.value) and "'x'" in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        (("1.5", "1,5"), "is written in two ways, as '1.5' (row 1) and '1,5' (row 2)"),
        (("1,000.5", "1.000,5"), "is written in two ways"),
        (("30%", "0.3"), "has percents such as '30%' (row 1) beside plain numbers such as '0.3'"),
        (("3 ms", "2 nats"), "has several units, as '3 ms' (row 1) and '2 nats' (row 2)"),
    ],
)
def test_two_conventions_in_one_column_are_refused(cells: tuple[str, ...], refused: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        read(*cells)
    assert refused in str(caught.value)


def test_so_many_decimals_or_marks_tell_the_convention() -> None:
    np.testing.assert_array_equal(read("250", "1.000", counted=True).values, [250, 1000])
    np.testing.assert_array_equal(read("64000", "1.250", counted=True).values, [64000, 1.25])
    np.testing.assert_array_equal(read("0.301", "0.250", counted=True).values, [0.301, 0.25])


def test_the_other_columns_tell_the_mark_where_they_use_the_other_one() -> None:
    points = Sheet(cells={"x": ["1,000"], "y": ["0.31"]}, n_rows=1)
    commas = Sheet(cells={"x": ["1.000"], "y": ["0,31"]}, n_rows=1)
    assert read("1,000", counted=True, sheet=points).values[0] == 1000
    assert read("1.000", counted=True, sheet=commas).values[0] == 1000
    with pytest.raises(Question):  # the file's own decimals look the same
        read("1.000", counted=True, sheet=points)


def test_what_is_said_decides_only_where_two_readings_fit() -> None:
    assert read("1.000", counted=True, decimal=",").values[0] == 1000
    assert read("1.000", counted=True, decimal=".").values[0] == 1
    assert read("1.25", counted=True, decimal=",").values[0] == 1.25


@pytest.mark.slow
@given(st.lists(st.floats(allow_nan=False), min_size=1), st.booleans())
def test_what_python_writes_is_read_back(numbers: list[float], as_text: bool) -> None:
    cells = [repr(number) if as_text else number for number in numbers]
    np.testing.assert_array_equal(read(*cells, decimal=".").values, numbers)


@pytest.mark.slow
@given(st.text(max_size=12))
def test_no_cell_breaks_the_reader(text: str) -> None:
    cell = take_apart(text)
    assert cell is None or any(character.isdigit() for character in cell.digits)
