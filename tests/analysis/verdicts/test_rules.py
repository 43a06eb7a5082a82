"""The rules on curves whose payoff point is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.settings import AnalysisSettings, Rule
from analysis.verdicts.rules import OUTCOMES, apply_rule

X = np.linspace(0.0, 10 * math.log(2.0), 201)
"""Ten doublings."""


def outcome(log_error: np.ndarray, rule: Rule, s: AnalysisSettings) -> tuple[str, float]:
    applied = apply_rule(X, log_error[None, :], rule, s)
    return OUTCOMES[int(applied.outcome[0])], float(applied.location[0])


def floor_curve(alpha: float = 1.0, floor: float = 0.1) -> np.ndarray:
    return np.asarray(np.log(floor + np.exp(-alpha * X)))


def test_marginal_relative_matches_the_closed_form() -> None:
    # (E + p) - (E + p/2) = t (E + p)  =>  p = t E / (1/2 - t)
    t = 0.05
    found = outcome(floor_curve(), "marginal", AnalysisSettings(marginal=t))
    assert found[0] == "inside"
    assert found[1] == pytest.approx(-math.log(t * 0.1 / (0.5 - t)), abs=0.01)


def test_marginal_absolute_matches_the_closed_form() -> None:
    # p / 2 = t
    s = AnalysisSettings(marginal=0.01, marginal_is_absolute=True)
    found = outcome(floor_curve(), "marginal", s)
    assert found[1] == pytest.approx(-math.log(0.02), abs=0.01)


def test_plateau_matches_the_closed_form() -> None:
    best = 0.1 + math.exp(-X[-1])
    found = outcome(floor_curve(), "plateau", AnalysisSettings(plateau=0.1))
    assert found[0] == "inside"
    assert found[1] == pytest.approx(-math.log(1.1 * best - 0.1), abs=0.01)


def test_economic_matches_the_closed_form() -> None:
    # d/dm (1/m + p m) = 0  =>  m = p^-1/2
    found = outcome(-X, "economic", AnalysisSettings(price=1e-3))
    assert found[0] == "inside"
    assert found[1] == pytest.approx(0.5 * math.log(1e3), abs=0.01)


def test_overfit_finds_the_minimum_of_a_u_shape() -> None:
    found = outcome(0.1 * (X - 3.0) ** 2, "overfit", AnalysisSettings())
    assert found[0] == "hurts"
    assert found[1] == pytest.approx(3.0, abs=0.03)


def test_overfit_sees_a_hump_and_its_peak() -> None:
    hump = -0.1 * X + 0.5 * np.exp(-0.5 * ((X - 3.5) / 0.5) ** 2)
    applied = apply_rule(X, hump[None, :], "overfit", AnalysisSettings())
    assert OUTCOMES[int(applied.outcome[0])] == "hump"
    assert 1.5 < applied.location[0] < 3.0
    assert applied.peak[0] == pytest.approx(3.5, abs=0.1)


def test_overfit_is_none_where_the_error_only_falls() -> None:
    kind, location = outcome(-0.3 * X, "overfit", AnalysisSettings())
    assert kind == "none"
    assert math.isnan(location)


@pytest.mark.parametrize("rule", ["marginal", "plateau", "economic"])
def test_a_flat_curve_needs_no_more_than_the_smallest_size(rule: Rule) -> None:
    found = outcome(np.zeros_like(X), rule, AnalysisSettings(price=1e-2))
    assert found == ("flat", 0.0)


@pytest.mark.parametrize("rule", ["marginal", "plateau"])
def test_a_power_law_is_still_paying(rule: Rule) -> None:
    assert outcome(-0.3 * X, rule, AnalysisSettings())[0] == "still"


def test_a_passage_from_chance_is_not_taken_for_a_plateau() -> None:
    raw = np.exp(-2.0 * (X - 3.0)) + np.exp(-2.0)
    curve = np.log(0.9 * raw / np.sqrt(1 + raw**2))
    kind, location = outcome(curve, "marginal", AnalysisSettings())
    assert kind == "inside"
    assert location > 3.5


def test_a_range_below_one_doubling_does_not_fail() -> None:
    x = np.linspace(0.0, 0.3, 49)
    for rule in ("marginal", "plateau", "overfit"):
        assert len(apply_rule(x, -x[None, :], rule, AnalysisSettings()).outcome) == 1
