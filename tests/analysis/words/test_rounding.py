"""Rounding to the uncertainty, by the Particle Data Group's rule."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.words.rounding import Measured, last_place, significant, written


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        (0.827, 0.119, "0.83(12)"),  # the review's own examples: .827 +- .119, .827 +- .367
        (0.827, 0.367, "0.8(4)"),
        (5234.0, 812.0, "5.2(8)e3"),
        (0.0191, 0.00121, "0.0191(12)"),
        (1.0, 0.0967, "1.00(10)"),
    ],
)
def test_digits_follow_the_uncertainty(value: float, spread: float, expected: str) -> None:
    assert written(value, last_place(spread), spread) == expected


@given(st.floats(1e-6, 1e12), st.floats(1.001, 30.0), st.floats(1.001, 30.0), st.booleans())
def test_what_is_quoted_is_the_value_to_half_its_last_digit(
    value: float, below: float, above: float, is_open: bool
) -> None:
    number = Measured(value=value, low=value / below, high=value * above, high_open=is_open)
    assert abs(number.rounded - value) <= 0.5001 * 10.0 ** last_place(number.spread)
    assert abs(number.rounded - value) <= number.spread
    head = number.concise.split("(")[0]
    power = number.concise.partition("e")[2]
    assert float(head if "e" in head else f"{head}e{power or 0}") == pytest.approx(number.rounded)


def test_an_open_interval_is_never_told_by_one_number() -> None:
    assert not Measured(value=5.0, low=4.0, high=6.0, high_open=True).symmetric
    assert Measured(value=5.0, low=4.0, high=6.0, high_open=True).interval == "4.0 to >6.0"


def test_the_arms_of_an_asymmetric_interval_are_both_told() -> None:
    assert Measured(value=0.034, low=0.025, high=0.055).full == "0.034(+0.013-0.005)"
    assert Measured(value=11123.0, low=4170.0, high=85000.0).full.endswith("e4")


def test_numbers_without_a_value_are_empty() -> None:
    nothing = Measured(value=math.nan, low=math.nan, high=math.nan)
    assert nothing.concise == ""
    assert significant(math.inf, 2) == ""
    assert significant(0.0, 2) == "0"
