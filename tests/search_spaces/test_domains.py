"""Domains: checked when built, exact at their ends, uniform from uniform units."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.domains import Categorical, Domain, Float, Int
from search_spaces.errors import SpaceError

DOMAINS: list[Domain] = [
    Float(-1.0, 3.0),
    Float(1e-5, 1e-1, log=True),
    Float(0.0, 1.0, step=0.1),
    Int(0, 9),
    Int(3, 15, step=4),
    Int(1, 300, log=True),
    Categorical(("adamw", "sgd", 1, 1.0, True)),
]


@pytest.mark.parametrize(
    ("build", "key", "part"),
    [
        (lambda: Float(1.0, 0.0), "low", "reversed range [1.0, 0.0]"),
        (lambda: Float(1.0, 1.0), "low", "empty range [1.0, 1.0]"),
        (lambda: Int(4, 4), "low", "empty range"),
        (lambda: Int(5, 4), "low", "swap low and high"),
        (lambda: Float(0.0, 1.0, log=True), "low", "above zero on a log axis, got [0.0, 1.0]"),
        (lambda: Int(0, 8, log=True), "low", "set log = false"),
        (lambda: Float(-1.0, 1.0, log=True), "low", "above zero"),
        (lambda: Float(math.nan, 1.0), "low", "finite number, got nan"),
        (lambda: Float(0.0, math.inf), "high", "finite number, got inf"),
        (lambda: Float(0.0, True), "high", "finite number, got True"),
        (lambda: Float("0", 1.0), "low", "finite number, got '0'"),  # type: ignore[arg-type]
        (lambda: Int(1.5, 3), "low", "whole number, got 1.5"),  # type: ignore[arg-type]
        (lambda: Int(0, 10, step=3), "step", "set high = 9"),
        (lambda: Float(0.0, 1.0, step=0.3), "step", "set high = 0.9"),
        (lambda: Float(0.0, 1.0, step=0.0), "step", "above zero, got 0.0"),
        (lambda: Int(1, 8, log=True, step=1), "step", "cannot go with log"),
        (lambda: Float(0.0, 1.0, log="yes"), "log", "true or false"),  # type: ignore[arg-type]
        (lambda: Categorical(()), "choices", "must not be empty"),
        (lambda: Categorical("abc"), "choices", "put it in brackets"),  # type: ignore[arg-type]
        (lambda: Categorical((1, 1)), "choices", "got 1 twice"),
        (lambda: Categorical((math.nan,)), "choices", "got nan"),
        (lambda: Categorical((None,)), "choices", "got None"),  # type: ignore[arg-type]
    ],
)
def test_unsound_domains_are_refused_with_key_rule_and_remedy(
    build: Any, key: str, part: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        build()
    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key}: ")
    assert part in str(caught.value)


def test_an_error_can_be_put_under_a_longer_key() -> None:
    error = SpaceError("low", "must be below high").under("space.width")
    assert (error.key, str(error)) == ("space.width.low", "space.width.low: must be below high")
    assert str(SpaceError("", "no axes").under("space")) == "space: no axes"


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
@settings(deadline=None)
@given(unit=st.floats(0, 1, exclude_max=True))
def test_every_unit_maps_into_the_domain(domain: Domain, unit: float) -> None:
    assert domain.contains(domain.from_unit(unit))


@pytest.mark.parametrize("unit", [-0.1, 1.0, math.nan])
@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_units_outside_the_interval_are_refused(domain: Domain, unit: float) -> None:
    with pytest.raises(ValueError, match="unit: must be in"):
        domain.from_unit(unit)


def test_discrete_domains_give_each_value_the_same_share_of_the_interval() -> None:
    units = [(k + 0.5) / 1200 for k in range(1200)]
    cases: list[tuple[Domain, tuple[object, ...]]] = [
        (Int(3, 15, step=4), (3, 7, 11, 15)),
        (Float(0.0, 0.5, step=0.1), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        (Categorical(("a", "b", "c")), ("a", "b", "c")),
    ]
    for domain, values in cases:
        drawn: list[object] = [domain.from_unit(unit) for unit in units]
        assert {value: drawn.count(value) for value in values} == dict.fromkeys(
            values, 1200 // len(values)
        )


def test_log_units_are_uniform_in_the_logarithm() -> None:
    assert Float(1e-4, 1.0, log=True).from_unit(0.5) == pytest.approx(1e-2)
    domain = Int(1, 8, log=True)
    edge = math.log(1.5 / 0.5) / math.log(8.5 / 0.5)
    assert (domain.from_unit(edge - 1e-9), domain.from_unit(edge + 1e-9)) == (1, 2)
    assert (domain.from_unit(0.0), domain.from_unit(1 - 1e-16)) == (1, 8)


def test_contains_tells_types_apart_and_follows_the_lattice() -> None:
    assert Float(0.0, 1.0, step=0.1).contains(0.1 + 0.2)
    assert not Float(0.0, 1.0, step=0.1).contains(0.25)
    assert Float(0.0, 1.0).contains(1)
    assert not Float(0.0, 1.0).contains(True)
    assert not Float(0.0, 1.0).contains(math.nan)
    assert not Float(0.0, 1.0).contains("0.5")
    assert not Int(0, 4).contains(2.0)
    assert not Int(0, 4, step=2).contains(3)
    assert not Categorical((1,)).contains(True)
