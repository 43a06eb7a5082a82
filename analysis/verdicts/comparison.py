"""Two sizes compared: is the larger one really better?

The two cells share subset draws and test examples. What they share cancels in the difference, which
is what makes the comparison paired: its variance takes the covariance of their luck into account.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.errors import AnalysisError
from analysis.table.names import format_size


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The error of a larger size against that of a smaller one."""

    small: float
    large: float
    """Sizes of the two cells compared."""
    gain: float
    """Fraction of the smaller size's error that the larger one saves; negative if it is worse."""
    low: float
    high: float
    """Interval of the gain."""
    level: float
    p_value: float
    """Probability of a difference at least this large, either way, if there were none."""

    @property
    def better(self) -> bool | None:
        """True or False where the interval leaves no doubt, None where it holds both."""
        if self.low > 0.0:
            return True
        return False if self.high < 0.0 else None


def compare_cells(
    curve: Curve, noise: Noise, small: float, large: float, *, level: float
) -> Comparison:
    """Compare the cells nearest to two sizes; they must differ, and some cell be trained twice."""
    # Validate
    if not (small > 0.0 and large > 0.0):
        raise AnalysisError(f"compare: sizes must be positive, got {small} and {large}")
    first, second = (int(np.argmin(np.abs(np.log(curve.size / m)))) for m in (small, large))
    if first == second:
        raise AnalysisError(
            f"compare: both sizes are nearest to {format_size(curve.size[first])}; choose two "
            "sizes that were tried"
        )
    if noise.degrees <= 0:
        raise AnalysisError("compare: no size was trained twice; train each with at least 3 seeds")

    # Compute
    from scipy.special import stdtr, stdtrit

    covariance = noise.mean_covariance(curve.replicates)
    contrast = np.zeros(len(curve))
    contrast[first], contrast[second] = -1.0, 1.0
    change = float(contrast @ noise.log_error)
    spread = math.sqrt(float(contrast @ covariance @ contrast))
    half = spread * float(stdtrit(noise.degrees, (1.0 + level) / 2.0))
    return Comparison(
        small=float(curve.size[first]),
        large=float(curve.size[second]),
        gain=-math.expm1(change),
        low=-math.expm1(change + half),
        high=-math.expm1(change - half),
        level=level,
        p_value=2.0 * float(stdtr(noise.degrees, -abs(change) / spread)),
    )
