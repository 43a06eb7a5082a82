r"""What a rule counts as gain: of the error, of what lies above its floor, of the perplexity.

A gauge reads the gain between two sizes off drawn curves y = ln e. What is fitted is always an
error; the *amount* is what people are shown of it (:mod:`analysis.metric`), turned so that less is
better.

========== =====================================================================================
of         gain from before to after
========== =====================================================================================
absolute   amount before - amount after
whole      1 - amount after / amount before
perplexity 1 - e after / e before, e being the perplexity
span       ln e before - ln e after: the share of what the metric moves over the sizes tried
reducible  (amount before - amount after) / (amount before - floor)
========== =====================================================================================

The floor of a curve is where the amounts at three sizes, evenly spaced in ln n, would end if their
steps go on shrinking by the same factor (Aitken's extrapolation; exact for a power law with a
floor, wherever the three are taken): a function of the curve, no parameter of any law. A curve
whose steps do not shrink shows no floor; then it is 0 for amounts that cannot be negative, and for
others every step that falls counts as paying.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.metric import Metric, Of
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray

FLOOR_FROM = 1.0 / 3.0
"""Share of the range below which sizes do not tell of the floor: there errors may leave chance."""
STEADY = 0.98
"""Steps that shrink by less than this factor show no floor."""


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """How gains are read off curves."""

    metric: Metric
    of: Of
    absolute: bool

    @classmethod
    def of_settings(cls, s: AnalysisSettings) -> Gauge:
        """The gauge that settings ask for."""
        return cls(metric=s.scale, of=s.fraction_of, absolute=s.marginal_is_absolute)

    @property
    def by_factors(self) -> bool:
        """Whether a fraction of e itself is asked."""
        return self.of == "perplexity" or (self.of == "whole" and self.plain)

    @property
    def plain(self) -> bool:
        """Whether the amount is e itself."""
        return self.metric.kind in ("error", "perplexity")

    def gain(self, curves: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
        """(R, S) gain between y ``before`` and ``after`` (R, S) on ``curves`` (R, G)."""
        if self.absolute:
            return self._amount(before) - self._amount(after)
        if self.of == "span":
            return before - after
        if self.by_factors:
            return np.asarray(-np.expm1(after - before))
        if self.of == "whole":
            whole = self._whole(before)
            return np.asarray((self._amount(before) - self._amount(after)) / whole)
        floor = self.floor(curves)[:, None]
        saved = self._amount(before) - self._amount(after)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = saved / np.maximum(self._amount(before) - floor, 1e-300)
        # No floor in sight: whatever falls, pays.
        return np.where(np.isfinite(floor), share, np.where(saved > 0.0, 1.0, 0.0))

    def near(self, curves: FloatArray, epsilon: float) -> FloatArray:
        """(R,) y up to which a curve is within ``epsilon`` of its best in the range."""
        best: FloatArray = curves.min(axis=1)
        if self.of == "span":
            return np.asarray(best + epsilon)
        if self.by_factors:
            return np.asarray(best + math.log1p(epsilon))
        least = self._amount(best)
        if self.of == "whole":
            return self._y(least + epsilon * self._whole(best))
        floor = self.floor(curves)
        first = self._amount(curves[:, 0])
        start = np.where(np.isfinite(floor), floor, least)
        return self._y(least + epsilon * np.maximum(first - start, 0.0))

    def floor(self, curves: FloatArray) -> FloatArray:
        """(R,) where the amounts of curves (R, G) end; -inf where none shows."""
        last = curves.shape[1] - 1
        first = math.ceil(FLOOR_FROM * last)
        first += (last - first) % 2
        a, b, c = (self._amount(curves[:, k]) for k in (first, (first + last) // 2, last))
        step, then = a - b, b - c
        falls = (step > 0.0) & (then > 0.0)
        shrinks = falls & (then < STEADY * step)
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = c - np.where(shrinks, then**2 / np.where(shrinks, step - then, 1.0), 0.0)
        nothing = 0.0 if self.plain else -math.inf
        lowest = self._amount(curves.min(axis=1))
        floor = np.where(shrinks, ahead, np.where(falls, nothing, lowest))
        return np.maximum(floor, nothing)

    def _amount(self, y: FloatArray) -> FloatArray:
        """What people are shown of e = exp(y), turned so that less is better."""
        if self.plain:
            return np.asarray(np.exp(y))
        return np.asarray(y / self.metric.per_unit)

    def _y(self, amount: FloatArray) -> FloatArray:
        if self.plain:
            return np.asarray(np.log(np.maximum(amount, 1e-300)))
        return np.asarray(amount * self.metric.per_unit)

    def _whole(self, y: FloatArray) -> FloatArray:
        """The whole value at y, of which a fraction is asked."""
        value = self.metric.shown(np.exp(y))
        if not (value > 0.0).all():
            raise AnalysisError(
                f"of: a fraction of the whole {self.metric.name} needs values above 0; "
                "take reducible, or an absolute threshold"
            )
        return value
