r"""Choosing a law: by how it predicts the largest sizes held out, not by how it hugs the points.

Fold j hides the j largest sizes, fits every law to the rest, and scores it by its root mean square
log error on what was hidden. All folds are rows of one batched fit (a hidden size has weight zero).

The weight of law l is

    w_l  ~  exp(-P_l / 2) * exp(-(h / 2) * (s_l^2 / s^2 - 1)),

with P_l its number of parameters (of laws that predict alike the simpler is preferred: half of
Akaike's price, since hidden sizes charge for flexibility too), s_l^2 its mean squared score, s^2
the smallest of them, and h the number of hidden sizes: the likelihood of h independent normal
misses whose spread is that of the best law. A law as long as the best that predicts 20% worse
keeps about half of its weight at h = 3; one that predicts twice as badly keeps 1%. Where one law
clearly wins the average is that law; where none does, it is not.

A law that misses *all* the points by more than their noise explains (chi-squared, p < 0.001) is
out, unless no law passes: a curve that turns up at its end cannot be judged by hiding that end
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from analysis.errors import AnalysisError
from analysis.findings import Reason
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import fit_law
from analysis.laws.law import Array, Law
from analysis.laws.solution import BatchFit
from analysis.table.trials import BoolArray

CURVE_LAWS = tuple(name for name, law in LAWS.items() if law.weighed)
"""Candidates by default: each says something different about where a curve goes."""

MAX_FOLDS = 3
MIN_TRAINING_SIZES = 4
"""Fewest sizes a fold is fitted to."""

SCORE_FLOOR = 1e-4
"""Log errors below this are no reason to prefer a law: 0.01% of the error."""

PRICE = 0.5
"""Log weight a parameter costs."""

LACK_OF_FIT = 1e-3
"""p-value below which a law is out where the noise is known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """L laws weighted by how they predict one curve."""

    laws: tuple[Law, ...]
    weights: Array
    """Shape (L,), summing to 1; NaN where no law fits."""
    scores: Array
    """Root mean square log error on hidden sizes, shape (L,); infinite if not scored."""
    fits: tuple[BatchFit, ...]
    """Fit of each law to all points, of one row."""
    reasons: tuple[Reason | None, ...]
    """For each law: why it is out of the average; None if it is in."""


def choose_law(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    laws: Sequence[str | Law] = CURVE_LAWS,
    *,
    noise: npt.ArrayLike,
) -> Choice:
    """Weight laws by rolling hold-out prediction of the largest sizes; their order decides ties."""
    candidates = tuple(law_named(law) for law in laws)
    if not candidates:
        raise AnalysisError(f"laws: must name at least one of {', '.join(LAWS)}, got none")
    x_, y_ = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if y_.shape != x_.shape:
        raise AnalysisError(f"y: must have shape ({len(x_)},), got {y_.shape}")
    noise_ = np.broadcast_to(np.asarray(noise, dtype=np.float64), x_.shape)
    full = tuple(fit_law(law, x_, y_, noise=noise_) for law in candidates)
    hidden = _hidden_sizes(x_)
    scores = np.array([_score(law, x_, y_, noise_, hidden) for law in candidates])
    usable = np.array([bool(fit.ok[0]) for fit in full])
    fitting = np.array([_fit_chance(fit, x_, y_, noise_) >= LACK_OF_FIT for fit in full])
    sizes = np.array([len(law.parameters) for law in candidates], dtype=np.float64)
    return Choice(
        laws=candidates,
        weights=_weights(scores, usable, fitting, len(hidden), sizes),
        scores=scores,
        fits=full,
        reasons=tuple(
            _why_out(*each, bool(len(hidden))) for each in zip(full, scores, fitting, strict=True)
        ),
    )


def _hidden_sizes(x: Array) -> BoolArray:
    """For each fold, which points are hidden."""
    sizes = np.unique(x)
    count = max(0, min(MAX_FOLDS, len(sizes) - MIN_TRAINING_SIZES))
    return np.array([x >= sizes[-j] for j in range(1, count + 1)], dtype=bool)


def _score(law: Law, x: Array, y: Array, noise: Array, hidden: BoolArray) -> float:
    """Root mean square log error on hidden sizes, over folds."""
    if not len(hidden):
        return np.inf
    ys = np.tile(y, (len(hidden), 1))
    fit = fit_law(law, x, ys, weights=~hidden * 1.0, noise=np.broadcast_to(noise, ys.shape))
    with np.errstate(all="ignore"):
        miss = np.log(fit.predict(x)) - np.log(ys)
    squared = np.where(hidden, miss**2, 0.0).sum(-1) / hidden.sum(-1)
    return float(np.sqrt(np.where(fit.ok & np.isfinite(squared), squared, np.inf).mean()))


def _fit_chance(fit: BatchFit, x: Array, y: Array, noise: Array) -> float:
    """p-value of the law's misses of all points under the known noise."""
    with np.errstate(all="ignore"):
        squares = (((np.log(fit.predict(x)[0]) - np.log(y)) / noise) ** 2).sum()
    freedom = max(float(len(x) - len(fit.law.parameters)), 1.0)
    return float(np.nan_to_num(special.chdtrc(freedom, squares), nan=0.0))


def _weights(
    scores: Array, usable: BoolArray, fitting: BoolArray, n_hidden: int, n_parameters: Array
) -> Array:
    """Weights (L,) from scores; those of the prior if nothing could be hidden."""
    prior = np.exp(-PRICE * (n_parameters - n_parameters.min()))
    within = usable & fitting if (usable & fitting).any() else usable
    squared = np.where(within, scores**2 + SCORE_FLOOR**2, np.inf)
    least = squared.min()
    if np.isfinite(least):
        weight = prior * np.exp(-0.5 * n_hidden * (squared / least - 1.0))
        weight = np.where(np.isfinite(squared), weight, 0.0)
    else:
        weight = within * prior
    total = weight.sum()
    return weight / total if total > 0.0 else np.full(len(scores), np.nan)


def _why_out(fit: BatchFit, score: float, fitting: bool, hides: bool) -> Reason | None:
    """Why a law is out of the average."""
    if not fit.ok[0]:
        return fit.why()
    if hides and not np.isfinite(score):
        return Reason(kind="few_sizes_to_hide", about=(fit.law.name,))
    return None if fitting else Reason(kind="misses_points", about=(fit.law.name,))
