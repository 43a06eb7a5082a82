r"""Extrapolation: how the error goes on beyond the sizes tried, with a band.

The forecast is a weighted geometric average of

- the damped local trend (`analysis.trend`), with 9/10 of the prior weight, and
- parametric laws fitted with recent (large) sizes counting more, which share the rest.

Prior weights are multiplied by 1 / (s^2 + 9 noise^2), s being a member's root mean square log error
in rolling hold-outs that reach as far (in log size) as the forecast does. Averages that follow the
hold-outs more closely (a softmax of the scores, or the best member alone) forecast *worse* on
learning curves: a few hold-outs say less about the next stretch than an even-handed prior does (the
forecast-combination puzzle: Stock and Watson 2004). Where the data are almost free of noise the
hold-outs do tell members apart, and these weights let them.

The band is for the mean curve. Its variance is the trend's own, in which the state at the end of
the data and its drift beyond are scaled to be calibrated, plus the members' disagreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from analysis.errors import AnalysisError
from analysis.findings import Reason
from analysis.forecasts.trend import forecast_trend
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import check_positive, fit_law
from analysis.laws.law import Array, Law
from analysis.table.trials import BoolArray, read_only

EXTRAPOLATION_LAWS = tuple(name for name, law in LAWS.items() if law.weighed and law.monotone)
"""Laws in the average by default: those that can only fall."""

TREND = "trend"
"""Name of the damped local trend among the members."""
TREND_WEIGHT = 0.9
"""Prior weight of the trend; the laws share the rest equally."""

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

STATE_SCALE = 0.63
DRIFT_SCALE = 0.27
"""Factors on the trend's two standard deviations. The priors of the trend are wide for the sake of
its mean; these factors calibrate its width, on the curves of tests/certified/data, on their
truncations, and on simulated power laws with a floor."""

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
    level: float
    """Level of the band."""
    members: tuple[str, ...]
    """Names of the trend and the laws averaged."""
    weights: Array
    """Their weights, summing to 1, shape (L,)."""
    scores: Array
    """Root mean square log error of each in the hold-outs; NaN if none could be made."""
    paths: Array
    """What each member forecasts alone, shape (L, m)."""
    left_out: tuple[tuple[str, Reason], ...]
    """Laws that could not be fitted, each with its reason."""
    noise: float
    """Standard deviation of one point's log error about the curve."""


def extrapolate(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    x_new: npt.ArrayLike,
    *,
    level: float = 0.9,
    laws: Sequence[str | Law] = EXTRAPOLATION_LAWS,
) -> Extrapolation:
    """Forecast the error at new sizes, with a band for the mean curve.

    Parameters
    ----------
    x, y : arrays of shape (n,), positive
        Sizes (of a model, or of its training data) and errors, in any order; sizes may repeat. At
        least 3 distinct sizes.
    x_new : array of shape (m,), positive
        Sizes asked for. Those inside the range are forecast from the points up to them.
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
    weight = _weights(np.array(scores), trend.noise)
    stack = np.stack(paths)
    middle = weight @ stack
    disagreement = weight @ (stack - middle) ** 2
    variance = (STATE_SCALE * trend.sd_state) ** 2 + (DRIFT_SCALE * trend.sd_drift) ** 2
    sd = np.maximum(np.sqrt(variance + disagreement), SD_FLOOR)
    half = float(special.ndtri(0.5 + 0.5 * level)) * sd
    logs = (middle, middle - half, middle + half, stack)
    prediction, lower, upper, curves = (
        read_only(np.exp(np.clip(v, -LOG_MAX, LOG_MAX))) for v in logs
    )
    return Extrapolation(
        x=read_only(new),
        prediction=prediction,
        lower=lower,
        upper=upper,
        level=level,
        members=tuple(names),
        weights=read_only(weight),
        scores=read_only(np.array(scores)),
        paths=curves,
        left_out=tuple(left_out),
        noise=trend.noise,
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


def _weights(scores: Array, noise: float) -> Array:
    """Weights of the trend (first) and the laws."""
    prior = np.full(len(scores), (1.0 - TREND_WEIGHT) / max(1, len(scores) - 1))
    prior[0] = TREND_WEIGHT
    if np.isfinite(scores).all():
        prior = prior / (scores**2 + (NOISE_MULTIPLE * noise) ** 2)
    return np.asarray(prior / prior.sum())
