r"""Choosing a law: by how it predicts the largest sizes held out, not by how it hugs the points.

Fold j hides the j largest sizes, fits every law to the rest, and scores it by its root mean square
log error on what was hidden. All folds, and all resamples, are rows of one batched fit (a hidden
size has weight zero).

The weight of law l is

    w_l  ~  exp(-P_l / 2) * exp(-(h / 2) * (s_l^2 / s^2 - 1)),

with P_l its number of parameters (of laws that predict alike the simpler is preferred: half of
Akaike's price, since hidden sizes charge for flexibility too), s_l^2 its mean squared score, s^2
the smallest of them, and h the number of hidden sizes: the likelihood of h independent normal
misses whose spread is that of the best law. A law as long as the best that predicts 20% worse
keeps about half of its weight at h = 3; one that predicts twice as badly keeps 1%. Where one law
clearly wins the average is that law; where none does, it is not.

Where the noise of the points is known, a law that misses *all* the points by more than the noise
explains (chi-squared, p < 0.001) is out, unless no law passes: a curve that turns up at its end
cannot be judged by hiding that end alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from analysis.errors import AnalysisError
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import fit_law
from analysis.laws.law import Array, Law
from analysis.laws.solution import BatchFit, Bools

CURVE_LAWS = ("power", "power_floor", "saturating", "passage", "broken1", "broken2")
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
    """Laws weighted by how they predict, for each of R rows (R = 1 for one curve)."""

    laws: tuple[Law, ...]
    """The candidates, L of them."""
    weights: Array
    """Shape (R, L), summing to 1 in each row; NaN in a row that no law fits."""
    scores: Array
    """Root mean square log error on hidden sizes, shape (R, L); infinite if not scored."""
    fits: tuple[BatchFit, ...]
    """Fit of each law to all points, R rows each."""
    reasons: tuple[str, ...]
    """For each law: why it is out in the first row, or an empty string."""
    n_folds: int
    """Folds the scores come from; 0 if there are too few sizes to hide any."""

    @property
    def best(self) -> int:
        """Index of the law with the largest weight in the first row (0 if none fits)."""
        return int(np.nan_to_num(self.weights[0], nan=-1.0).argmax())

    @property
    def law(self) -> Law:
        """The law with the largest weight in the first row."""
        return self.laws[self.best]

    def predict(self, x: npt.ArrayLike) -> Array:
        """Weighted (geometric) average of the laws' predictions, shape (R, n)."""
        total: Array | None = None
        for index, fit in enumerate(self.fits):
            weight = self.weights[:, index, None]
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.where(weight > 0.0, weight * np.log(fit.predict(x)), 0.0 * weight)
            total = part if total is None else total + part
        assert total is not None
        return np.exp(total)


def choose_law(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    laws: Sequence[str | Law] = CURVE_LAWS,
    *,
    weights: npt.ArrayLike | None = None,
    noise: npt.ArrayLike | None = None,
    delta: float | None = None,
    max_folds: int = MAX_FOLDS,
) -> Choice:
    """Weight laws by rolling hold-out prediction of the largest sizes.

    Parameters
    ----------
    x : array of shape (n,), positive
        Sizes.
    y : array of shape (n,) or (R, n), positive
        Errors; several rows (resamples) are judged independently of each other.
    laws : sequence of str or Law
        Candidates. The order decides ties (and everything if no size can be hidden).
    weights, noise, delta
        As for `analysis.fitting.fit_law`.
    max_folds : int
        Hide at most this many of the largest sizes.

    Returns
    -------
    Choice
    """
    # Validate
    candidates = tuple(law_named(law) for law in laws)
    if not candidates:
        raise AnalysisError(f"laws: must name at least one of {', '.join(LAWS)}, got none")
    if max_folds < 0:
        raise AnalysisError(f"max_folds: must not be negative, got {max_folds}")
    x_ = np.asarray(x, dtype=np.float64)
    rows = _rows(x_, y, weights, noise)
    y_, weights_, noise_ = rows

    # Compute
    full = tuple(
        fit_law(law, x_, y_, weights=weights_, noise=noise_, delta=delta) for law in candidates
    )
    hidden = _hidden_sizes(x_, max_folds)
    scores = np.stack(
        [_scores(law, x_, y_, weights_, noise_, delta, hidden) for law in candidates], axis=1
    )
    usable = np.stack([fit.ok for fit in full], axis=1)
    fitting = np.ones_like(usable)
    if noise_ is not None:
        chance = [_fit_chance(fit, x_, y_, weights_, noise_) for fit in full]
        fitting = np.stack(chance, axis=1) >= LACK_OF_FIT
    sizes = np.array([len(law.parameters) for law in candidates], dtype=np.float64)
    final = _weights(scores, usable, fitting, len(hidden), sizes)
    return Choice(
        laws=candidates,
        weights=final,
        scores=scores,
        fits=full,
        reasons=tuple(_reason(i, full, scores, fitting, len(hidden)) for i in range(len(full))),
        n_folds=len(hidden),
    )


def _rows(
    x: Array, y: npt.ArrayLike, weights: npt.ArrayLike | None, noise: npt.ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    """y, weights (and noise) with one row per resample; shapes are checked by `fit_law`."""
    y_ = np.atleast_2d(np.asarray(y, dtype=np.float64))
    weights_ = np.atleast_2d(np.asarray(1.0 if weights is None else weights, dtype=np.float64))
    try:
        shape = np.broadcast_shapes(y_.shape, weights_.shape, (1, len(x)))
        noise_ = None
        if noise is not None:
            noise_ = np.broadcast_to(np.asarray(noise, dtype=np.float64), shape)
        return np.broadcast_to(y_, shape), np.broadcast_to(weights_, shape), noise_
    except ValueError:
        raise AnalysisError(
            f"y, weights, noise: must have shape ({len(x)},) or (R, {len(x)}), got y {y_.shape}, "
            f"weights {weights_.shape}"
        ) from None


def _hidden_sizes(x: Array, max_folds: int) -> list[Bools]:
    """For each fold, which points are hidden."""
    sizes = np.unique(x)
    count = max(0, min(max_folds, len(sizes) - MIN_TRAINING_SIZES))
    return [x >= sizes[-j] for j in range(1, count + 1)]


def _scores(
    law: Law,
    x: Array,
    y: Array,
    weights: Array,
    noise: Array | None,
    delta: float | None,
    hidden: list[Bools],
) -> Array:
    """Root mean square log error on hidden sizes, over folds; shape (R,)."""
    if not hidden:
        return np.full(len(y), np.inf)
    folds, rows = len(hidden), len(y)
    shown = np.stack([~h for h in hidden])
    fold_weights = (shown[:, None, :] * weights).reshape(folds * rows, -1)
    fold_noise = None if noise is None else np.tile(noise, (folds, 1))
    fit = fit_law(
        law, x, np.tile(y, (folds, 1)), weights=fold_weights, noise=fold_noise, delta=delta
    )
    with np.errstate(all="ignore"):
        miss = (np.log(fit.predict(x)) - np.log(np.tile(y, (folds, 1)))).reshape(folds, rows, -1)
    unseen = ~shown[:, None, :] * weights
    squared = np.where(unseen > 0.0, unseen * miss**2, 0.0).sum(-1) / unseen.sum(-1)
    squared = np.where(fit.ok.reshape(folds, rows) & np.isfinite(squared), squared, np.inf)
    return np.asarray(np.sqrt(squared.mean(0)))


def _fit_chance(fit: BatchFit, x: Array, y: Array, weights: Array, noise: Array) -> Array:
    """p-value of the law's misses of all points under the known noise, shape (R,)."""
    with np.errstate(all="ignore"):
        z = (np.log(fit.predict(x)) - np.log(y)) / noise
        squares = np.where(weights > 0.0, weights * z**2, 0.0).sum(-1)
    freedom = np.maximum(weights.sum(-1) - len(fit.law.parameters), 1.0)
    return np.asarray(np.nan_to_num(special.chdtrc(freedom, squares), nan=0.0))


def _weights(
    scores: Array, usable: Bools, fitting: Bools, n_hidden: int, n_parameters: Array
) -> Array:
    """Weights (R, L) from scores; those of the prior if nothing could be hidden."""
    prior = np.exp(-PRICE * (n_parameters - n_parameters.min()))
    within = usable & fitting
    within = np.where(within.any(1, keepdims=True), within, usable)
    squared = np.where(within, scores**2 + SCORE_FLOOR**2, np.inf)
    least = squared.min(1, keepdims=True)
    scored = np.isfinite(least)
    with np.errstate(invalid="ignore"):
        weight = prior * np.exp(-0.5 * n_hidden * (squared / least - 1.0))
    weight = np.where(scored, np.where(np.isfinite(squared), weight, 0.0), within * prior)
    total = weight.sum(1, keepdims=True)
    return np.where(total > 0.0, weight / np.where(total > 0.0, total, 1.0), np.nan)


def _reason(
    index: int, fits: tuple[BatchFit, ...], scores: Array, fitting: Bools, n_hidden: int
) -> str:
    """Why a law is out of the average of the first row."""
    if not fits[index].ok[0]:
        return fits[index].reason(0)
    if n_hidden and not np.isfinite(scores[0, index]):
        return "too few sizes remain to fit it when the largest are hidden"
    if not fitting[0, index]:
        return "misses the points by more than their noise explains"
    return ""
