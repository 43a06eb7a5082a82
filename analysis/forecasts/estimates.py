"""A number of a surface with its uncertainty, or why it has none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from analysis.findings import NextStep, Reason
from analysis.laws.law import Array


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its uncertainty. What the data do not identify is NaN, and says why."""

    value: float
    """Point estimate; NaN where the data do not identify it."""
    standard_error: float
    """Standard deviation over the resamples; that for which the interval stands where it reaches
    beyond them; NaN where an end of the interval is missing."""
    lower: float
    upper: float
    """Ends of the percentile interval; NaN where the data set none."""
    level: float
    """Level of that interval, such as 0.95."""
    why: Reason | None = None
    """Why a number is missing; None where none is."""
    next_step: NextStep | None = None
    """What would give it."""

    @property
    def identified(self) -> bool:
        """Whether the value and both ends of its interval are known."""
        return all(math.isfinite(v) for v in (self.value, self.lower, self.upper))

    def reaching(self, values: Array) -> Estimate:
        """The same with an interval that reaches to all of some values."""
        values = values[np.isfinite(values)]
        if not len(values) or not (math.isfinite(self.lower) and math.isfinite(self.upper)):
            return self
        lower, upper = min(self.lower, float(values.min())), max(self.upper, float(values.max()))
        if (lower, upper) == (self.lower, self.upper):
            return self
        # The resamples' spread is not that of an interval that they do not span.
        z = NormalDist().inv_cdf((1.0 + self.level) / 2.0)
        spread = max(self.standard_error, (upper - lower) / (2.0 * z))
        return replace(self, lower=lower, upper=upper, standard_error=spread)

    def without(self, why: Reason, next_step: NextStep | None, *, keep: bool = False) -> Estimate:
        """The same without numbers, for a reason; ``keep`` leaves the value."""
        value = self.value if keep else math.nan
        return replace(
            self, value=value, standard_error=math.nan, lower=math.nan, upper=math.nan, why=why,
            next_step=next_step,
        )  # fmt: skip


def estimate(value: float, draws: Array, level: float) -> Estimate:
    """A point estimate with the spread and the percentile interval of its resamples."""
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        return Estimate(value=value, standard_error=np.nan, lower=np.nan, upper=np.nan, level=level)
    lower, upper = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Estimate(
        value=float(value),
        standard_error=float(draws.std(ddof=1)),
        lower=float(lower),
        upper=float(upper),
        level=level,
    )
