r"""Extrapolation: how the error goes on beyond the sizes tried, with a band.

The forecast is a weighted geometric average of

- the Bayesian average of all outlines (`analysis.forecasts.shapes`), 8/10 of the weight, and
- the damped local trend (`analysis.forecasts.trend`) and parametric laws fitted with recent (large)
  sizes counting more, which share the rest: the trend has 9/10 of it a priori.

Prior weights of the trend and the laws are multiplied by 1 / (s^2 + 9 noise^2), s being a member's
root mean square log error in rolling hold-outs that reach as far (in log size) as the forecast.
An even-handed average forecasts better than the best of a few hold-outs (the forecast-combination
puzzle: Stock and Watson 2004).

Points that were smoothed where they come from (never rising, though they scatter so much that some
should) err together over long stretches: they tell outlines apart less well than their number says,
so the outlines have half of the weight, and a single point's noise is a multiple of what shows.

There are two bands: of the mean curve, and of a single point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from analysis.errors import AnalysisError
from analysis.findings import Reason
from analysis.forecasts.shapes import forecast_shapes
from analysis.forecasts.trend import forecast_trend
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import check_positive, fit_law
from analysis.laws.law import Array, Law
from analysis.table.trials import BoolArray, read_only

EXTRAPOLATION_LAWS = tuple(name for name, law in LAWS.items() if law.weighed and law.monotone)
"""Laws in the average by default: those that can only fall."""

SHAPES, TREND = "shapes", "trend"
"""Names of the average of outlines and of the damped local trend among the members."""
SHAPES_WEIGHT, SHAPES_WEIGHT_SMOOTHED = 0.8, 0.5
"""Weight of the outlines, for raw points and for points smoothed at their source."""
TREND_WEIGHT = 0.9
"""Prior weight of the trend beside the laws, which share the rest equally."""

SMOOTHED_NOISE = 2.8
"""Noise of a raw point over what an isotonic regression of many leaves of it: 2.8 to 5 in simulated
curves of 100 to 500 raw points with noise of 1 to 3%."""
SMOOTHED_SIZES, SMOOTHED_CHANCE = 25, 0.02
"""Points are taken as smoothed if so many or more sizes have errors that never rise, and the chance
of that, were they raw, is below 2%."""

NOISE_MULTIPLE = 3.0
"""Hold-out errors within three noises of each other are no reason to prefer a member."""

RECENCY = 1.5
"""Weight of a point is (x / largest x)**1.5, or a smaller power: see `_recency`."""
POINTS_PER_PARAMETER = 3.0
"""The weights leave at least so many effective points per parameter of the largest law."""

FOLDS = 2
MIN_TRAINING_SIZES = 5
"""Fewest sizes that a hold-out is fitted to."""
LEAST_REACH = float(np.log(1.5))
"""Hold-outs reach at least this far in log size."""

BAND_SCALE = 0.8
"""Factor on the standard deviation of the average of outlines, between two wishes: smooth and
public image curves are held by 0.6 already, curves with two kinks or a hump not yet by 1."""

LOG_MAX = 700.0
"""Forecasts and ends of bands stay finite numbers: between e^-700 and e^700."""

SD_FLOOR = 1e-4
"""A band is never narrower than 0.01% of the error per standard deviation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Extrapolation:
    """A forecast of the mean curve. Arrays are read-only."""

    x: Array
    """Sizes asked for, shape (m,)."""
    prediction: Array
    """Forecast errors, shape (m,)."""
    lower: Array
    upper: Array
    """Ends of the band of the mean curve, shape (m,)."""
    point_lower: Array
    point_upper: Array
    """Ends of the band of a single further point, shape (m,)."""
    level: float
    """Level of the band."""
    members: tuple[str, ...]
    """Names of the members averaged: the outlines, the trend, the laws."""
    weights: Array
    """Their weights, summing to 1, shape (L,)."""
    scores: Array
    """Root mean square log error of each in the hold-outs; NaN if none could be made, and for the
    outlines, which are weighed by their likelihood."""
    paths: Array
    """What each member forecasts alone, shape (L, m)."""
    left_out: tuple[tuple[str, Reason], ...]
    """Laws that could not be fitted, each with its reason."""
    noise: float
    """Standard deviation of one point's log error about the curve."""
    smoothed: bool
    """Whether the points look smoothed at their source."""


def extrapolate(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    x_new: npt.ArrayLike,
    *,
    level: float = 0.9,
    laws: Sequence[str | Law] = EXTRAPOLATION_LAWS,
) -> Extrapolation:
    """Forecast the error at new sizes, with a band for the mean curve and one for single points.

    Parameters
    ----------
    x, y : arrays of shape (n,), positive
        Sizes (of a model, or of its training data) and errors, in any order; sizes may repeat. At
        least 3 distinct sizes.
    x_new : array of shape (m,), positive
        Sizes asked for, inside the range or beyond it.
    level : float in (0, 1)
        Level of the band.
    laws : sequence of str or Law
        Laws that join the average.

    Returns
    -------
    Extrapolation

    Raises
    ------
    AnalysisError
        For wrong arguments: shapes, values that are not finite and positive, too few sizes.
    """
    # Validate
    x_, y_, new = _checked(x, y, x_new)
    if not 0.0 < level < 1.0:
        raise AnalysisError(f"level: must be between 0 and 1, got {level}")
    candidates = [law_named(law) for law in laws]

    # Compute
    reach = max(LEAST_REACH, float(np.log(new.max() / x_.max())) if len(new) else 0.0)
    folds = _folds(x_, reach)
    trend = forecast_trend(x_, y_, new)
    paths, scores, names = [trend.mean], [_trend_score(x_, y_, folds)], [TREND]
    left_out: list[tuple[str, Reason]] = []
    recent = _recency(x_, max((len(law.parameters) for law in candidates), default=0))
    for law in candidates:
        member = _law_member(law, x_, y_, new, folds, recent)
        if isinstance(member, Reason):
            left_out.append((law.name, member))
            continue
        paths.append(member[0])
        scores.append(member[1])
        names.append(law.name)
    rest = _weights(np.array(scores), trend.noise)
    shapes = forecast_shapes(x_, y_, new)
    smoothed = _smoothed(x_, y_, shapes.noise)
    share = SHAPES_WEIGHT_SMOOTHED if smoothed else SHAPES_WEIGHT
    weight = np.concatenate([[share], (1.0 - share) * rest])
    stack = np.stack([shapes.mean, *paths])
    middle = weight @ stack
    disagreement = weight @ (stack - middle) ** 2
    variance = np.maximum((BAND_SCALE * shapes.sd) ** 2 + disagreement, SD_FLOOR**2)
    noise = shapes.noise * (SMOOTHED_NOISE if smoothed else 1.0)
    quantile = float(special.ndtri(0.5 + 0.5 * level))
    half, single = quantile * np.sqrt(variance), quantile * np.sqrt(variance + noise**2)
    logs = (middle, middle - half, middle + half, middle - single, middle + single, stack)
    prediction, lower, upper, point_lower, point_upper, curves = (
        read_only(np.exp(np.clip(v, -LOG_MAX, LOG_MAX))) for v in logs
    )
    return Extrapolation(
        x=read_only(new),
        prediction=prediction,
        lower=lower,
        upper=upper,
        point_lower=point_lower,
        point_upper=point_upper,
        level=level,
        members=(SHAPES, *names),
        weights=read_only(weight),
        scores=read_only(np.array([np.nan, *scores])),
        paths=curves,
        left_out=tuple(left_out),
        noise=noise,
        smoothed=smoothed,
    )


def _law_member(
    law: Law, x: Array, y: Array, new: Array, folds: list[tuple[Array, BoolArray]], recent: Array
) -> tuple[Array, float] | Reason:
    """Log forecast and hold-out score of a law, or the reason why it has none."""
    rows = np.stack([np.ones_like(x), *(shown for shown, _ in folds)]) * recent
    fit = fit_law(law, x, np.tile(y, (len(rows), 1)), weights=rows, delta=np.inf)
    with np.errstate(all="ignore"):
        path = np.log(fit.predict(np.concatenate([new, x])))
    lost = int(np.argmin(fit.ok))
    if not fit.ok[lost] and (why := fit.why(lost)) is not None:
        return why
    if not np.isfinite(path[:, : len(new)]).all():
        return Reason(kind="no_finite_forecast", about=(law.name,))
    miss = path[1:, len(new) :] - np.log(y)
    squares = [float((miss[k, hidden] ** 2).mean()) for k, (_, hidden) in enumerate(folds)]
    return path[0, : len(new)], float(np.sqrt(np.mean(squares))) if squares else np.nan


def _checked(
    x: npt.ArrayLike, y: npt.ArrayLike, x_new: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    arrays = []
    for key, value in (("x", x), ("y", y), ("x_new", x_new)):
        array = np.array(value, dtype=np.float64)
        if array.ndim != 1:
            raise AnalysisError(f"{key}: must be one-dimensional, got shape {array.shape}")
        check_positive(key, array, "at", "points")
        arrays.append(array)
    x_, y_, new = arrays
    if len(x_) != len(y_):
        raise AnalysisError(f"y: must be as long as x ({len(x_)}), got {len(y_)}")
    sizes = len(np.unique(x_))
    if sizes < 3:
        raise AnalysisError(f"x: must have at least 3 distinct sizes to extrapolate, got {sizes}")
    order = np.argsort(x_, kind="stable")
    return x_[order], y_[order], new


def _recency(x: Array, n_parameters: int) -> Array:
    """Weights (x / max x)**p with the largest p up to `RECENCY` that leaves enough points.

    The effective number of points is (sum w)^2 / sum w^2.
    """
    log_ratio = np.log(x / x.max())
    needed = min(float(len(x)), POINTS_PER_PARAMETER * n_parameters)
    for power in np.linspace(RECENCY, 0.0, 31):
        weights = np.exp(power * log_ratio)
        if weights.sum() ** 2 / (weights**2).sum() >= needed - 1e-9:
            break
    return np.asarray(weights)


def _folds(x: Array, reach: float) -> list[tuple[Array, BoolArray]]:
    """(shown as 0 or 1, hidden) for hold-outs that end one and two reaches below the largest size.

    What is hidden is what lies within a reach above the end of what is shown.
    """
    u = np.log(x)
    folds = []
    for number in range(1, FOLDS + 1):
        end = u.max() - number * reach
        shown = u <= end + 1e-12
        hidden = ~shown & (u <= end + reach * 1.001)
        if len(np.unique(x[shown])) >= MIN_TRAINING_SIZES and hidden.any():
            folds.append((shown.astype(np.float64), hidden))
    return folds


def _trend_score(x: Array, y: Array, folds: list[tuple[Array, BoolArray]]) -> float:
    """Root mean square log error of the trend in the hold-outs, NaN without any."""
    squares = []
    for shown, hidden in folds:
        part = shown > 0.0
        path = forecast_trend(x[part], y[part], x[hidden]).mean
        squares.append(float(((path - np.log(y[hidden])) ** 2).mean()))
    return float(np.sqrt(np.mean(squares))) if squares else np.nan


def _smoothed(x: Array, y: Array, noise: float) -> bool:
    """Whether errors never rise where raw ones with this noise would, for all that they fall."""
    if len(np.unique(x)) < max(len(x), SMOOTHED_SIZES) or (np.diff(y) > 0.0).any():
        return False
    falls = -np.diff(np.log(y))
    window = np.ones(5) / 5.0
    typical = np.convolve(np.pad(falls, 2, mode="edge"), window, mode="valid")
    chance = special.log_ndtr(typical / (np.sqrt(2.0) * max(noise, 1e-12))).sum()
    return bool(chance < np.log(SMOOTHED_CHANCE))


def _weights(scores: Array, noise: float) -> Array:
    """Weights of the trend (first) and the laws."""
    prior = np.full(len(scores), (1.0 - TREND_WEIGHT) / max(1, len(scores) - 1))
    prior[0] = TREND_WEIGHT
    if np.isfinite(scores).all():
        prior = prior / (scores**2 + (NOISE_MULTIPLE * noise) ** 2)
    return np.asarray(prior / prior.sum())
