"""The numbers that a paper quotes, gathered once: tables, macros and sentences read them here."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from analysis.study import StudyAnalysis
from analysis.table.trials import UNKNOWN, known
from analysis.verdicts.decide import PayoffPoint
from analysis.words.rounding import Measured
from analysis.words.study import verdict_cell
from analysis.words.verdicts import rule_name


@dataclass(frozen=True, kw_only=True)
class PayoffEntry:
    """One payoff point, with the digits its interval leaves."""

    n_examples: float
    point: PayoffPoint
    rule_words: str
    verdict: str
    """In words."""
    size: Measured | None
    """None where the verdict names no size."""
    error: Measured | None
    """Error at that size, with the band of the mean."""

    @property
    def key(self) -> str:
        """``n1280``, or ``all`` where dataset sizes are not known."""
        return key_of(self.n_examples)


@dataclass(frozen=True, kw_only=True)
class CellEntry:
    """One point of a curve."""

    n_examples: float | None
    cell: str
    size: float
    replicates: int
    error: Measured


def payoff_entries(analysis: StudyAnalysis) -> list[PayoffEntry]:
    """Every payoff point, by dataset size and rule."""
    s, entries = analysis.settings, []
    for fit in analysis.fits:
        for point in fit.payoffs:
            size = error = None
            if point.estimate is not None:
                size = Measured.of(point.estimate)
                value, (low, high) = float(fit.predict(point.size)), fit.band(point.size)
                error = Measured(value=value, low=float(low), high=float(high), level=s.level)
            entry = PayoffEntry(
                n_examples=fit.curve.n_examples,
                point=point,
                rule_words=rule_name(point, s),
                verdict=verdict_cell(fit, point),
                size=size,
                error=error,
            )
            entries.append(entry)
    return entries


def key_of(n_examples: float) -> str:
    """How macros name a dataset size.

    Examples
    --------
    >>> key_of(1280), key_of(-1)
    ('n1280', 'all')
    """
    return "all" if n_examples == UNKNOWN else f"n{n_examples}"


def cell_entries(analysis: StudyAnalysis) -> list[CellEntry]:
    """Every point of every curve, with the interval of its mean.

    The interval holds what new seeds, subset draws and test examples would change.
    """
    level = analysis.settings.level
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    found = []
    scale = analysis.settings.scale
    for fit in analysis.fits:
        curve = fit.curve
        spread = np.sqrt(np.diag(fit.noise.mean_covariance(curve.replicates)))
        for k in range(len(curve)):
            error = float(fit.shown(curve.error)[k])
            half = z * float(spread[k]) * scale.shown_step(error)
            found.append(
                CellEntry(
                    n_examples=known(curve.n_examples),
                    cell=curve.cell[k],
                    size=float(curve.size[k]),
                    replicates=int(curve.replicates[k]),
                    error=Measured(value=error, low=error - half, high=error + half, level=level),
                )
            )
    return found


def growth_entry(analysis: StudyAnalysis) -> Measured | None:
    """The exponent with which the payoff point grows."""
    return None if analysis.growth is None else Measured.of(analysis.growth.estimate)
