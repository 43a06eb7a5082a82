"""The routes to a small model, compared: which pays at which size, and how much size each saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from analysis.routes.crossings import Crossing, Saving, find_crossing, find_saving
from analysis.routes.curves import RouteCurve, route_axis, route_curves, routes_at
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable, exact
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import PayoffPoint


@dataclass(frozen=True, kw_only=True, eq=False)
class RouteStudy:
    """Every route of one dataset size."""

    n_examples: float
    size: str
    """The column that the routes' size axis counts."""
    curves: tuple[RouteCurve, ...]
    crossings: tuple[Crossing, ...]
    """One for each pair of routes."""
    savings: tuple[Saving, ...]
    """Of each route over training at that size."""

    def curve(self, name: str) -> RouteCurve:
        """The route of that name."""
        return next(curve for curve in self.curves if curve.name == name)

    def crossing(self, first: str, second: str) -> Crossing:
        """The comparison of two routes, in either order of their names."""
        pair = {first, second}
        return next(c for c in self.crossings if {c.first, c.second} == pair)

    def saving(self, route: str) -> Saving:
        """Size that a route saves over training."""
        return next(saving for saving in self.savings if saving.route == route)

    @property
    def told(self) -> list[tuple[RouteCurve, Saving | None]]:
        """Each route with what it saves over training, where that was asked."""
        saved = {saving.route: saving for saving in self.savings}
        return [(curve, saved.get(curve.name)) for curve in self.curves]

    def payoff(self, name: str) -> PayoffPoint:
        """The headline payoff point of a route."""
        return self.curve(name).fit.verdict


def study_routes(
    table: TrialTable, settings: AnalysisSettings, fits: Sequence[FittedCurve] = ()
) -> tuple[RouteStudy, ...]:
    """Compare the routes of each dataset size that has more than one.

    ``fits`` are the study's curves of trained models. Where a route draws from the same runs on the
    same axis, its payoff points are theirs: one number has one value.
    """
    axis = route_axis(table, settings)
    studies = []
    for n in np.unique(table.n_examples):
        if len(routes_at(table, exact(n))) < 2:
            continue
        curves = route_curves(table, settings, exact(n))
        if len(curves) < 2:
            continue
        curves = tuple(_with_known_payoffs(curve, fits, exact(n)) for curve in curves)
        bases = [curve for curve in curves if curve.route == "trained"][:1]
        crossings = [find_crossing(*pair, exact(n), settings) for pair in combinations(curves, 2)]
        savings = [
            find_saving(curve, base, exact(n), settings)
            for base in bases
            for curve in curves
            if curve is not base
        ]
        studies.append(
            RouteStudy(
                n_examples=exact(n),
                size=axis,
                curves=curves,
                crossings=tuple(crossings),
                savings=tuple(savings),
            )
        )
    return tuple(studies)


def _with_known_payoffs(curve: RouteCurve, fits: Sequence[FittedCurve], n: float) -> RouteCurve:
    """The route with the payoff points of the study's own fit of the same runs, if there is one."""
    for fit in fits:
        same = fit.curve.n_examples == n and np.array_equal(
            np.sort(fit.curve.run_row), np.sort(curve.fit.curve.run_row)
        )
        if same and np.array_equal(fit.curve.size, curve.fit.curve.size):
            return replace(curve, fit=replace(curve.fit, payoffs=fit.payoffs))
    return curve
