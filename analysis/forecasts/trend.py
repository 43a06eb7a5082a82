r"""The damped local trend: a curve's own slope at its end, fading as the size grows.

No parametric law holds over a whole learning curve, and what counts for extrapolation is the end of
it. In logs (u = log x, z = log error) the level L and its slope S follow

    dL = S du,    dS = -kappa S du + sqrt(q) dW,    z_i = L(u_i) + noise of variance sigma^2 r_i,

a damped linear trend (Gardner and McKenzie 1985) in continuous "time" u: an integrated
Ornstein-Uhlenbeck process. kappa = 0 and q = 0 is a power law; a power law with a floor has a slope
that fades at rate alpha E / error. The curve is filtered exactly (Kalman) for a grid of kappa and
q / sigma^2, all cells of the grid at once, and the grid is averaged under stated priors.

Notation
--------
======== =================================================== ========
symbol   meaning                                             shape
======== =================================================== ========
G, n, m  grid cells, points, points asked for
kappa    fading of the slope per unit of log size            (G,)
rho      q / sigma^2                                         (G,)
P        covariance of (L, S) in units of sigma^2            3 x (G,)
======== =================================================== ========
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.laws.law import Array

KAPPA_MIDDLE, KAPPA_SPREAD = 0.5, 0.3
"""Prior of the fading: log-normal. A slope loses two fifths of itself per factor e in size: what
learning curves of image classifiers do at their ends. On the 36 curves of tests/certified/data any
value of 0.35 to 0.6 forecasts about as well (and so does the value chosen without the task or the
model that is forecast); on their truncations at a half of their length, 0.3 to 0.5."""

DRIFT_MIDDLE, DRIFT_SPREAD = 0.08, 0.3
"""Prior of sqrt(q), the random change of a log-log slope over a factor e in size: log-normal, its
spread in decades. On the same curves 0.04 to 0.16 forecast alike; where curves bend more, as in
double descent, a smaller drift follows them too slowly."""

TEMPER = 0.2
"""Power of the likelihood in the weights of the grid: neighbouring points of a training curve err
together, and five of them tell about as much as one that errs alone."""

NOISE_POINTS, NOISE_PRIOR = 3.0, 0.005
"""The noise variance is shrunk as if 3 more points had shown a noise of 0.5%."""

MAX_POINTS = 1000
"""Longer curves are averaged into so many cells of equal width in log size."""

DIFFUSE = 1e6
"""Variance of the unknown first level and slope, in units of sigma^2."""

KAPPAS = np.geomspace(0.12, 1.5, 11)
LOG_RHOS = np.linspace(-2.0, 4.0, 13)


@dataclass(frozen=True)
class TrendForecast:
    """Log errors at the points asked for."""

    mean: Array
    """Mean log error, shape (m,)."""
    sd_state: Array
    """Standard deviation of its log error, shape (m,), from not knowing the level, slope and fading
    at the end of the data."""
    sd_drift: Array
    """The same from the slope changing at random beyond it, shape (m,)."""
    noise: float
    """Standard deviation of one point's log error."""


def forecast_trend(x: Array, y: Array, x_new: Array) -> TrendForecast:
    """Filter the curve (of at least 2 sizes) and forecast it inside or beyond its range.

    A size inside the range is forecast from the points up to it only.
    """
    u, z, r = _cells(x, y)
    kappa, log_rho = (a.ravel() for a in np.meshgrid(KAPPAS, LOG_RHOS, indexing="ij"))
    rho = 10.0**log_rho
    u_new = np.log(x_new)
    order = np.searchsorted(u, u_new, side="right") - 1
    run = _Filter(kappa, rho, z)
    mean = np.empty((len(kappa), len(u_new)))
    state, drift = np.empty_like(mean), np.empty_like(mean)
    for i in range(len(u)):
        run.move(0.0 if i == 0 else float(u[i] - u[i - 1]))
        run.see(float(z[i]), float(r[i]))
        for j in np.flatnonzero((order == i) | ((i == 0) & (order < 0))):
            gap = max(0.0, float(u_new[j] - u[i]))
            mean[:, j], state[:, j], drift[:, j] = run.ahead(gap)
    freedom = run.count + NOISE_POINTS
    noise = (run.squares + NOISE_POINTS * NOISE_PRIOR**2) / freedom
    log_weight = TEMPER * (run.log_determinant - 0.5 * freedom * np.log(noise))
    log_weight -= 0.5 * ((np.log(kappa) - np.log(KAPPA_MIDDLE)) / KAPPA_SPREAD) ** 2
    log_drift = 0.5 * (log_rho + np.log10(noise))
    log_weight -= 0.5 * ((log_drift - np.log10(DRIFT_MIDDLE)) / DRIFT_SPREAD) ** 2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    middle = weight @ mean
    return TrendForecast(
        mean=middle,
        sd_state=np.sqrt(weight @ (state * noise[:, None] + (mean - middle) ** 2)),
        sd_drift=np.sqrt(weight @ (drift * noise[:, None])),
        noise=float(np.sqrt(weight @ noise)),
    )


def _cells(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Log sizes, mean log errors, and 1 / points of each distinct size (or cell of sizes)."""
    u, z = np.log(x), np.log(y)
    if len(np.unique(u)) > MAX_POINTS:
        edges = np.linspace(u.min(), u.max(), MAX_POINTS + 1)[1:-1]
        place = np.searchsorted(edges, u)
    else:
        place = np.unique(u, return_inverse=True)[1]
    count = np.bincount(place).astype(np.float64)
    filled = count > 0.0
    count = count[filled]
    middle = np.bincount(place, weights=u)[filled] / count
    return middle, np.bincount(place, weights=z)[filled] / count, 1.0 / count


class _Filter:
    """Kalman filter of (level, slope) for every cell of the grid."""

    def __init__(self, kappa: Array, rho: Array, z: Array) -> None:
        self.kappa, self.rho = kappa, rho
        self.level, self.slope = np.full_like(kappa, z[0]), np.zeros_like(kappa)
        self.p_level, self.p_both = np.full_like(kappa, DIFFUSE), np.zeros_like(kappa)
        self.p_slope = np.full_like(kappa, DIFFUSE)
        self.log_determinant, self.squares = np.zeros_like(kappa), np.zeros_like(kappa)
        self.count, self._seen = 0, 0

    def _step(self, gap: float) -> tuple[Array, Array, Array, Array, Array]:
        """Decay, reach of the slope, and the covariance the drift adds over a gap in log size."""
        k, q = self.kappa, self.rho
        decay = np.exp(-k * gap)
        lost = -np.expm1(-k * gap)
        reach = lost / k
        level = q / k**2 * (gap - 2.0 * reach + lost * (1.0 + decay) / (2.0 * k))
        both = q * reach**2 / 2.0
        slope = q * lost * (1.0 + decay) / (2.0 * k)
        return decay, reach, np.maximum(level, 0.0), both, slope

    def move(self, gap: float) -> None:
        """Carry the state to the next point."""
        decay, reach, add_level, add_both, add_slope = self._step(gap)
        self.level = self.level + reach * self.slope
        self.slope = decay * self.slope
        cross = self.p_both + reach * self.p_slope
        self.p_level = self.p_level + reach * (self.p_both + cross) + add_level
        self.p_both = decay * cross + add_both
        self.p_slope = decay**2 * self.p_slope + add_slope

    def see(self, z: float, r: float) -> None:
        """Take in a point; the first two only remove the unknown level and slope."""
        total = self.p_level + r
        miss = z - self.level
        self._seen += 1
        if self._seen > 2:
            self.log_determinant = self.log_determinant - 0.5 * np.log(total)
            self.squares = self.squares + miss**2 / total
            self.count += 1
        gain_level, gain_slope = self.p_level / total, self.p_both / total
        self.level = self.level + gain_level * miss
        self.slope = self.slope + gain_slope * miss
        self.p_slope = self.p_slope - gain_slope * self.p_both
        self.p_both = self.p_both * (1.0 - gain_level)
        self.p_level = self.p_level * (1.0 - gain_level)

    def ahead(self, gap: float) -> tuple[Array, Array, Array]:
        """Mean of the level a gap further on; its variance (over sigma^2) from state and drift."""
        _, reach, drift, _, _ = self._step(gap)
        state = self.p_level + 2.0 * reach * self.p_both + reach**2 * self.p_slope
        return self.level + reach * self.slope, np.maximum(state, 0.0), drift
