"""An answer counts as decided where runs bear it; else the plan asks for those that would."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from analysis.curves.curve import build_curves
from analysis.design.candidates import Candidate, Target
from analysis.design.plans import choose
from analysis.design.standings import standing
from analysis.design.support import RUNS, supported
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable
from analysis.verdicts.curve_fit import FittedCurve

SETTINGS = AnalysisSettings(resamples=400)
SIZES = 100.0 * 2.0 ** np.arange(10)


def study(runs_of_last: int) -> FittedCurve:
    """A pure power law, which pays to the end of the range."""
    rng = np.random.default_rng(2)
    rows = [
        {
            "n_parameters": float(size),
            "test_error": 0.5 * (size / 100.0) ** -0.4 * math.exp(0.01 * rng.normal()),
            "n_examples": 1000,
            "seed": seed,
        }
        for size in SIZES
        for seed in range(runs_of_last if size == SIZES[-1] else 4)
    ]
    (curve,) = build_curves(TrialTable.from_rows(rows), SETTINGS)
    return FittedCurve.of(curve, SETTINGS)


def test_one_run_of_the_largest_size_bears_no_answer() -> None:
    (few,), (enough,) = (standing(study(n), Target()) for n in (1, RUNS))
    assert few.kind == enough.kind == "still_paying"
    assert (few.state, few.supported) == ("open", False)
    assert (enough.state, enough.supported) == ("decided", True)


def test_the_plan_asks_for_the_runs_that_are_missing() -> None:
    fit = study(1)
    candidates = [Candidate(size=float(size), cost=1.0) for size in SIZES]
    chosen = {one.candidate.size: one.runs for one in choose(fit, candidates, Target()).chosen}
    assert chosen[SIZES[-1]] >= RUNS - 1


def test_what_is_asked_for_has_to_be_paid() -> None:
    fit = study(1)
    candidates = [Candidate(size=float(size), cost=1.0) for size in SIZES]
    assert choose(fit, candidates, Target(), budget=0.5).chosen == ()


def test_a_departure_takes_one_size_more() -> None:
    rng = np.random.default_rng(4)
    rows = [
        {
            "n_parameters": float(size),
            "test_error": level * math.exp(0.02 * rng.normal()),
            "seed": k,
        }
        for size, level in zip(SIZES, [0.4] * 5 + [0.1] * 5, strict=True)
        for k in range(4)
    ]
    (curve,) = build_curves(TrialTable.from_rows(rows), SETTINGS)
    fit = FittedCurve.of(curve, SETTINGS)
    assert fit.draws is not None
    assert fit.draws.departure > 0.5
    point = replace(fit.payoffs[0], kind="pays_off_until", low=1700.0, high=2900.0)
    assert not supported(fit, point)
    assert supported(fit, replace(point, low=1000.0, high=3500.0))
