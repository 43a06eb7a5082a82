"""What to run next for a trial table: candidates, what each costs, and what they would tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from analysis.curves.curve import build_curves
from analysis.design.candidates import Candidate, Target
from analysis.design.offers import offers
from analysis.design.plans import Plan, choose
from analysis.design.prices import CostOf, Prices, prices
from analysis.errors import AnalysisError
from analysis.metric import MetricKind
from analysis.settings import AnalysisSettings
from analysis.study import asked
from analysis.table.trials import UNKNOWN, TrialTable
from analysis.verdicts.curve_fit import FittedCurve
from analysis.words.plans import plan_lines, plan_rows

LEAST_SIZES = 2
"""Of each curve, so that something can be said of what the next runs tell."""
LOOK_AHEAD = 1.0
"""Without a budget, what is looked ahead to costs as much as all runs so far did."""
SHARE = 0.35
"""Of that, about so much is proposed at once: after it, more is known."""


@dataclass(frozen=True, kw_only=True)
class NextRuns:
    """What to run next, and what is to be expected of it."""

    plan: Plan
    prices: Prices
    settings: AnalysisSettings
    target: Target

    @property
    def size_name(self) -> str:
        """The column that sizes are of, as the table calls it."""
        return self.settings.size_name

    def summary(self) -> str:
        """What to run, in lines for a notebook or a terminal."""
        return "\n".join(
            plan_lines(self.plan, self.size_name, self.prices.name, self.prices.spent, self.target)
        )

    def to_json(self) -> dict[str, Any]:
        """Everything by name, for a script."""
        return plan_rows(self.plan, self.size_name, self.prices.name, self.prices.spent)


def next_runs(
    table: TrialTable,
    candidates: Sequence[Candidate] | Sequence[float] | None = None,
    cost: CostOf | str | None = None,
    target: Target | float | None = None,
    *,
    budget: float | None = None,
    runs: int = 0,
    settings: AnalysisSettings | None = None,
    better: Literal["", "lower", "higher"] = "",
    metric: MetricKind | None = None,
    cost_name: str = "",
) -> NextRuns:
    """Choose what to run next, wherever it is trained.

    Parameters
    ----------
    table : TrialTable
        What was run (:func:`payoff.read_table`).
    candidates : sequence, optional
        What can be run: sizes, or :class:`payoff.Candidate`, which say the dataset size, the
        shape and the cost too. Without it, more runs of the sizes that the table has, and a size
        between any two neighbours, where the table does not exclude one.
    cost : callable or str, optional
        Cost of one run, a function of size and dataset size, or the column of the table that tells
        it. Without it, ``train_flops``, ``train_seconds`` or ``wall_seconds``, whichever comes
        first in the table; else size times dataset size. Candidates with a cost keep theirs.
    target : Target or float, optional
        What is to be decided: a factor between the ends of the interval, 3 if not given, or all.
    budget : float, optional
        What may be spent in all, in the unit of the cost; as much as all runs so far if not given.
    runs : int
        How many to propose, about; 0: about a third of what the budget would pay.
    settings : AnalysisSettings, optional
        As for :func:`payoff.analyse`.
    better, metric : str, optional
        Likewise.
    cost_name : str, optional
        What to call the cost.

    Returns
    -------
    NextRuns
        ``.plan.chosen`` is the batch, ``.plan.standings`` how far each answer is, ``.summary()``
        both in words.

    Raises
    ------
    AnalysisError
        For a table that is none or has no usable trial, a column that does not exist, and
        candidates or a target of dataset sizes that the table does not have.

    Examples
    --------
    >>> import numpy as np, payoff
    >>> size = np.repeat(100.0 * 4.0 ** np.arange(7), 3)
    >>> noise = np.exp(0.1 * np.random.default_rng(0).standard_normal(len(size)))
    >>> error = 0.05 * (1 + (size / 4000) ** -0.6) * noise
    >>> table = payoff.TrialTable.from_rows(
    ...     {"n_parameters": n, "test_error": e, "n_examples": 1000, "seed": k % 3}
    ...     for k, (n, e) in enumerate(zip(size, error)))
    >>> found = payoff.next_runs(table)
    >>> [one.candidate.kind for one in found.plan.chosen][:1]
    ['size']
    """
    table, settings = asked(table, settings, better, metric or "")
    if not isinstance(target, Target):
        target = Target() if target is None else Target(factor=float(target))
    if target.rule is not None:
        settings = replace(settings, rule=target.rule)
    curves = build_curves(table, settings)
    known = [curve.n_examples for curve in curves]
    missing = [n for n in target.n_examples if n not in known]
    if missing:
        raise AnalysisError(
            f"target: the table has the dataset sizes {_listed(known)}, got {_listed(missing)}"
        )
    fits = tuple(
        FittedCurve.of(curve, settings) for curve in curves if target.asks(curve.n_examples)
    )
    if not any(fit.curve.n_sizes >= LEAST_SIZES for fit in fits):
        raise AnalysisError(
            "table: no dataset size has runs of several sizes, so that nothing can be valued; "
            "train one dataset at sizes that each double the one before"
        )
    priced = prices(table, settings, cost)
    if cost_name:
        priced = replace(priced, name=cost_name)
    searched = _searched(table, sum(len(curve) for curve in curves))
    offered = [one for fit in fits for one in _offered(fit, candidates, priced.of, searched)]
    if candidates is not None and not offered:
        raise AnalysisError(
            f"candidates: none is of a dataset size that is asked about "
            f"({_listed([fit.curve.n_examples for fit in fits])})"
        )
    most = LOOK_AHEAD * priced.spent if budget is None else budget
    plan = choose(fits, offered, target, budget=most, batch=runs, share=SHARE)
    return NextRuns(plan=plan, prices=priced, settings=settings, target=target)


def _offered(
    fit: FittedCurve,
    candidates: Sequence[Candidate] | Sequence[float] | None,
    cost: CostOf,
    searched: float,
) -> list[Candidate]:
    given = [] if candidates is None else list(candidates)
    whole = [one for one in given if isinstance(one, Candidate)]
    if whole:
        if len(whole) < len(given):
            raise AnalysisError("candidates: must be sizes or candidates, not both")
        n = fit.curve.n_examples
        return [replace(one, n_examples=n) for one in whole if one.n_examples in (n, UNKNOWN)]
    try:
        sizes = [float(one) for one in given]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise AnalysisError(f"candidates: sizes must be numbers, got {given}") from None
    for size in sizes:
        if not (math.isfinite(size) and size > 0.0):
            raise AnalysisError(f"candidates: sizes must be finite and above 0, got {size}")
    return offers(fit.curve, cost, sizes=sizes, searched=searched)


def _listed(sizes: Sequence[float]) -> str:
    return ", ".join(f"{n:,.0f}" for n in sizes)


def _searched(table: TrialTable, cells: int) -> float:
    """Search trials that each cell had so far."""
    return sum(phase == "search" for phase in table.phase) / max(cells, 1)
