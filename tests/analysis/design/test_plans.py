"""What runs are chosen next: they follow from the fit, keep to the budget, and tell most."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from analysis.curves.curve import build_curves
from analysis.design.candidates import Candidate, Target
from analysis.design.plans import choose, value_candidates
from analysis.design.standings import standing
from analysis.errors import AnalysisError
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable
from analysis.verdicts.curve_fit import FittedCurve

SETTINGS = AnalysisSettings(resamples=600)
SIZES = 100.0 * 4.0 ** np.arange(7)


def study(
    spread: float = 0.1, replicates: int = 3, sizes: np.ndarray = SIZES, n_examples: int = 1000
) -> FittedCurve:
    """A power law with a floor, which stops to pay in the middle of the range."""
    rng = np.random.default_rng(3)
    rows = [
        {
            "n_parameters": float(size),
            "test_error": float(
                0.05 * (1.0 + (size / 4000.0) ** -0.6) * math.exp(spread * rng.standard_normal())
            ),
            "seed": seed,
            "draw": seed,
            "n_examples": n_examples,
        }
        for size in sizes
        for seed in range(replicates)
    ]
    (curve,) = build_curves(TrialTable.from_rows(rows), SETTINGS)
    return FittedCurve.of(curve, SETTINGS)


def everything(fit: FittedCurve) -> list[Candidate]:
    """More runs of each size, and one between each two."""
    x = np.log(fit.curve.size)
    places = np.sort(np.concatenate([x, 0.5 * (x[1:] + x[:-1])]))
    return [Candidate(size=math.exp(z), cost=math.exp(z - x[-1])) for z in places]


def test_a_plan_follows_from_the_fit_alone() -> None:
    fit = study()
    one, other = (choose(fit, everything(fit), Target(), budget=2.0) for _ in range(2))
    assert one.chosen
    assert (one.chosen, one.path) == (other.chosen, other.path)


def test_a_plan_keeps_to_its_budget_and_says_what_each_part_of_it_brings() -> None:
    fit = study()
    plan = choose(fit, everything(fit), Target(), budget=1.5, share=0.3)
    assert plan.path[-1].cost <= 1.5
    assert plan.cost <= 0.3 * plan.path[-1].cost or len(plan.chosen) == 1
    assert plan.factors_for(0.0) == plan.path[0].factors
    assert plan.factors_for(1.5)[0] < plan.path[0].factors[0]
    costs = [step.cost for step in plan.path]
    assert costs == sorted(costs)


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("budget", [0.1, 0.5, 2.0])
def test_runs_that_bear_one_answer_and_narrow_another_share_a_budget(
    budget: float, share: float
) -> None:
    fits = (study(spread=0.01, replicates=2), study(spread=0.2, n_examples=4000))
    candidates = [
        dataclasses.replace(one, n_examples=fit.curve.n_examples)
        for fit in fits
        for one in everything(fit)
    ]
    plan = choose(fits, candidates, Target(factor=4.0), budget=budget, share=share)
    assert [one.supported for one in plan.standings] == [False, True]
    assert 0.0 < plan.cost <= budget * (1.0 + 1e-9)


def test_more_runs_tell_more_and_none_that_cannot_matter_tell_much() -> None:
    fit = study()
    ends = [
        Candidate(size=float(fit.curve.size[k]), cost=1.0, runs=m) for k in (0, 3) for m in (1, 9)
    ]
    first, _, middle, middles = (one.gain for one in value_candidates(fit, ends, Target()))
    assert middles > middle > first
    assert first < 0.2 * middles


def test_one_run_of_each_size_is_not_taken_for_the_truth() -> None:
    fit = study(spread=0.2, replicates=1)
    ends = [Candidate(size=float(fit.curve.size[k]), cost=1.0) for k in (0, 3)]
    for one in value_candidates(fit, ends, Target()):
        assert one.after > 0.5 * one.before


def test_what_is_decided_asks_for_nothing() -> None:
    fit = study(spread=0.005, replicates=6)
    (now,) = standing(fit, Target(factor=4.0))
    assert now.state == "decided"
    assert now.factor <= 4.0
    plan = choose(fit, everything(fit), Target(factor=4.0))
    assert plan.chosen == ()


def test_sizes_are_spread_first_where_there_are_too_few() -> None:
    fit = study(sizes=SIZES[:2])
    candidates = [Candidate(size=float(size), cost=float(size)) for size in SIZES]
    plan = choose(fit, candidates, Target())
    assert plan.coarse
    sizes = [one.candidate.size for one in plan.chosen]
    assert sizes[-1] == SIZES[-1]
    assert len(sizes) >= 4
    runs = [one.runs for one in plan.chosen if one.candidate.size > fit.curve.size[-1]]
    assert runs == sorted(runs, reverse=True)


@pytest.mark.parametrize("spread", [0.1, 0.005])
def test_what_cannot_be_run_of_one_dataset_size_is_not_run_of_another(spread: float) -> None:
    fit, hopeless = study(spread, replicates=6), study(sizes=SIZES[:1], n_examples=2000)
    candidates = [dataclasses.replace(one, n_examples=1000.0) for one in everything(fit)]
    alone = choose(fit, candidates, Target(factor=4.0), budget=2.0)
    both = choose((fit, hopeless), candidates, Target(factor=4.0), budget=2.0)
    assert bool(alone.chosen) == (spread > 0.01)
    assert both.chosen == alone.chosen
    assert [one.state for one in both.standings][1] == "cannot_tell"


def test_dataset_sizes_that_are_not_asked_about_get_nothing() -> None:
    fit = study()
    plan = choose(fit, everything(fit), Target(n_examples=(500.0,)), budget=2.0)
    assert plan.chosen == ()
    assert plan.standings == ()


@pytest.mark.parametrize("wrong", [{"size": 0.0}, {"cost": math.inf}, {"runs": 0}])
def test_a_candidate_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AnalysisError):
        Candidate(**{"size": 1.0, "cost": 1.0, **wrong})  # type: ignore[arg-type]


def test_a_size_that_no_drawn_curve_reaches_is_worth_nothing_known() -> None:
    fit = study()
    far = [Candidate(size=float(SIZES[-1]) * 1e4, cost=1e-3), Candidate(size=1e-3, cost=1e-3)]
    assert [one.gain for one in value_candidates(fit, far, Target())] == [0.0, 0.0]
    assert choose(fit, far, Target()).chosen == ()
