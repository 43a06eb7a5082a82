"""A fitted size-versus-error curve: predictions, bands, payoff points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise, measure_noise, resample
from analysis.curves.points import run_spread, size_grid
from analysis.errors import AnalysisError
from analysis.posterior.curves import CurveDraws, draw_curves
from analysis.posterior.ladders import LadderDraws, comparable, draw_ladders
from analysis.posterior.offsets import draw_additive
from analysis.settings import AnalysisSettings, Rule
from analysis.streams import Stream, generator
from analysis.table.names import format_size
from analysis.table.trials import FloatArray, read_only
from analysis.verdicts.comparison import Comparison, compare_cells
from analysis.verdicts.decide import LEAST_SIZES, PayoffPoint, decide
from analysis.verdicts.rules import payoff_distribution

Numbers = float | Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedCurve:
    """A fitted curve: predictions, bands and payoff points."""

    curve: Curve
    noise: Noise
    draws: CurveDraws | None
    """None where there is nothing to fit (fewer than two sizes)."""
    settings: AnalysisSettings
    payoffs: tuple[PayoffPoint, ...]
    """One for each rule, the headline first."""
    law: str
    """The law fitted, or ``"auto"`` for the average."""
    failed_resamples: int
    """Resamples on which a law asked for by name found no fit."""
    ladders: LadderDraws | None = None
    """The curves of each shape, row by row those of ``draws``, which are then of the best shape at
    each size; None where there is one shape, or too little to tell several apart."""

    @classmethod
    def of(cls, curve: Curve, settings: AnalysisSettings) -> Self:
        """Fit a curve that has been gathered from a trial table."""
        if settings.scale.additive:  # its luck on test examples is no share of right answers
            curve = replace(curve, n_test=0, correct=None)
        noise = measure_noise(curve)
        draws, ladders, failed = None, None, 0
        if curve.n_sizes >= 2:
            rng = generator(settings.seed, Stream.DATA, curve.n_examples)
            asked: dict[str, Any] = {
                "resamples": settings.resamples, "level": settings.level, "rng": rng
            }  # fmt: skip
            if settings.law != "auto":
                draws, failed = _law_draws(curve, noise, settings, rng)
            elif comparable(curve):
                ladders = (
                    draw_additive(draw_ladders, curve, noise, **asked)
                    if settings.scale.additive
                    else draw_ladders(curve, noise, **asked)
                )
                draws = ladders.frontier()
            elif settings.scale.additive:
                draws = draw_additive(draw_curves, curve, noise, **asked)
            else:
                draws = draw_curves(curve, noise, **asked)
        fit = cls.drawn(curve, noise, draws, settings, law=settings.law, failed=failed)
        return fit if ladders is None else replace(fit, ladders=ladders)

    @classmethod
    def drawn(
        cls,
        curve: Curve,
        noise: Noise,
        draws: CurveDraws | None,
        settings: AnalysisSettings,
        *,
        law: str = "auto",
        failed: int = 0,
    ) -> Self:
        """The fit of curves that have been drawn, with its payoff points."""
        return cls(
            curve=curve,
            noise=noise,
            draws=draws,
            settings=settings,
            payoffs=tuple(_payoff(curve, noise, draws, rule, settings) for rule in settings.rules),
            law=law,
            failed_resamples=failed,
        )

    @property
    def verdict(self) -> PayoffPoint:
        """The headline rule's answer."""
        return self.payoffs[0]

    def predict(self, size: Numbers) -> FloatArray:
        """Mean error at the sizes, in the shape of ``size``; of losses and the like, the value.

        Raises
        ------
        AnalysisError
            If a size lies below the range tried or over two doublings beyond it: that is
            extrapolation, which ``analysis.extrapolate`` judges by held-out sizes.
        """
        return self.shown(self.errors(size))

    def errors(self, size: Numbers) -> FloatArray:
        """The same as the error that is fitted, whose logarithm the curves are drawn of."""
        return np.exp(np.interp(self._inside(size), self._draws().x, self._middle))

    def cell_errors(self, curve: Curve | None = None) -> FloatArray:
        """(K,) the fitted error at each cell: that of its shape where shapes have curves.

        Parameters
        ----------
        curve : Curve, optional
            Other cells of the same study than the fit's own, within the range of the fit. Those
            of a shape that the fit has not seen are given the best shape's error.
        """
        curve = self.curve if curve is None else curve
        draws = self._draws()
        at = np.clip(np.log(curve.size), draws.x[0], draws.x[-1])
        found = np.interp(at, draws.x, self._middle)
        if self.ladders is not None:
            for shape, middle in zip(self.ladders.shapes, self.ladder_middles, strict=True):
                mine = np.array([curve.shapes[k] == shape for k in curve.shape], dtype=bool)
                found[mine] = np.interp(at[mine], draws.x, middle)
        errors: FloatArray = np.exp(found)
        return errors

    @cached_property
    def run_variance(self) -> FloatArray:
        """(K,) variance of one run about its cell, subset draws apart, on the log.

        Where replicates do not tell it, the scatter of the points about the drawn curves does.
        """
        if self.noise.degrees > 0 or self.draws is None:
            return self.noise.run_variance
        x = np.log(self.curve.size)
        rows = self.draws.log_error
        own = [rows] * len(x)
        if self.ladders is not None:
            own = [self.ladders.log_error[:, self.ladders.shapes.index(self.curve.shapes[j])]
                   for j in self.curve.shape]  # fmt: skip
        step = float(self.draws.x[1] - self.draws.x[0])
        place = np.clip((x - self.draws.x[0]) / step, 0.0, len(self.draws.x) - 1.0)
        squares = 0.0
        for y, at, curves in zip(self.noise.log_error, place, own, strict=True):
            left = min(int(at), len(self.draws.x) - 2)
            found = curves[:, left] + (at - left) * (curves[:, left + 1] - curves[:, left])
            squares += float(np.mean((y - found) ** 2))
        return np.maximum(self.noise.run_variance, squares / len(x))

    @cached_property
    def ladder_middles(self) -> FloatArray:
        """(J, G) median of the drawn log errors of each shape, on the grid of the draws."""
        if self.ladders is None:
            return np.empty((0, len(self._draws().x)))
        middles: FloatArray = np.median(self.ladders.log_error, axis=0)
        return middles

    def shown(self, error: FloatArray) -> FloatArray:
        """What people are shown of fitted errors: themselves, or the values that they are of."""
        return self.settings.scale.shown(error)

    def band(
        self,
        size: Numbers,
        level: float | None = None,
        *,
        kind: Literal["mean", "run"] = "mean",
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of a band at the sizes.

        Parameters
        ----------
        size : float or array
            Sizes, within the range tried and two doublings beyond it.
        level : float, optional
            Probability that the band holds; the settings' level if not given.
        kind : {"mean", "run"}
            Where the mean error of many trainings lies, or where one new training will land.
        """
        if kind not in ("mean", "run"):
            raise AnalysisError(f"kind: must be 'mean' or 'run', got {kind!r}")
        draws = self._draws()
        inner = self.settings.level if level is None else level
        if not 0.0 < inner < 1.0:
            raise AnalysisError(f"level: must lie between 0 and 1, got {inner}")
        log_error = draws.log_error
        if kind == "run":
            log_error = log_error + self._run_noise(log_error.shape)
        ends = np.quantile(log_error, [(1.0 - inner) / 2.0, (1.0 + inner) / 2.0], axis=0)
        at = self._inside(size)
        low, high = (self.shown(np.exp(np.interp(at, draws.x, end))) for end in ends)
        return (low, high) if self.settings.scale.shown_better == "lower" else (high, low)

    def payoff(self, rule: Rule | None = None, **changes: float) -> PayoffPoint:
        """The payoff point under a rule, with other numbers than the settings' if asked for.

        Parameters
        ----------
        rule : str, optional
            ``"marginal"``, ``"plateau"``, ``"overfit"`` or ``"economic"``; the headline if absent.
        **changes : float
            Settings to change, such as ``marginal=0.02`` or ``price=1e-8``.
        """
        rule = self.settings.rule if rule is None else rule
        try:
            settings = replace(self.settings, rule=rule, **changes)  # type: ignore[arg-type]
        except TypeError as error:
            raise AnalysisError(f"payoff: {error}") from None
        return _payoff(self.curve, self.noise, self.draws, rule, settings)

    def compare(self, small: float, large: float) -> Comparison:
        """Is the larger of two sizes that were tried really better? A paired test on the cells.

        Parameters
        ----------
        small, large : float
            Sizes; the cell nearest to each is taken.
        """
        return compare_cells(self.curve, self.noise, small, large, level=self.settings.level)

    @cached_property
    def _middle(self) -> FloatArray:
        """(G,) median of the drawn curves."""
        middle: FloatArray = np.median(self._draws().log_error, axis=0)
        return middle

    def _draws(self) -> CurveDraws:
        if self.draws is None:
            what = {0: "no replicate trial is left", 1: "there is only one size"}.get(
                self.curve.n_sizes, f"the law {self.law} found no fit"
            )
            raise AnalysisError(
                f"curve: cannot be fitted, {what}; a fit needs at least {LEAST_SIZES} sizes"
            )
        return self.draws

    def _inside(self, size: Numbers) -> FloatArray:
        draws = self._draws()
        sizes = np.asarray(size, dtype=np.float64)
        low, high = np.exp(draws.x[0]), np.exp(draws.x[-1])
        if not ((sizes >= low * (1 - 1e-9)) & (sizes <= high * (1 + 1e-9))).all():
            raise AnalysisError(
                f"size: must lie between {format_size(low)} and {format_size(high)} (two doublings "
                f"beyond the largest tried), got {size}; use analysis.extrapolate beyond that"
            )
        return np.log(sizes)

    def _run_noise(self, shape: tuple[int, ...]) -> FloatArray:
        """Scatter of a new run, wider where few replicates say how wide it is."""
        rng = generator(self.settings.seed, Stream.NEW_RUN)
        known = self.noise.degrees > 0
        degrees = self.noise.degrees if known else 3.0
        noise: FloatArray = rng.standard_t(min(degrees, 1e6), (shape[0], 1))
        spread = self._draws().run_spread if known else math.sqrt(float(self.run_variance.mean()))
        return noise * spread


def _payoff(
    curve: Curve,
    noise: Noise,
    draws: CurveDraws | None,
    rule: Rule,
    settings: AnalysisSettings,
) -> PayoffPoint:
    found = None if draws is None else payoff_distribution(draws, rule, settings)
    return decide(curve, noise, found, rule, settings)


def _law_draws(
    curve: Curve, noise: Noise, settings: AnalysisSettings, rng: np.random.Generator
) -> tuple[CurveDraws | None, int]:
    """Curves of one law, fitted to every bootstrap resample.

    Points that scatter more about the law than their replicates allow (a law that misfits, tuning
    luck) stretch the resamples by as much, so that the intervals do not pretend.
    """
    from analysis.laws.fitting import fit_law

    grid, n_inside = size_grid(np.log(curve.size))
    covariance = noise.mean_covariance(curve.replicates)
    spread = np.sqrt(np.diag(covariance))
    first = fit_law(settings.law, curve.size, np.exp(noise.log_error), noise=spread)
    fitted = np.log(first.predict(curve.size))[0]
    if not np.isfinite(fitted).all():
        return None, settings.resamples
    freedom = max(curve.n_sizes - first.theta.shape[1], 1)
    chi2 = float((((noise.log_error - fitted) / spread) ** 2).sum())
    stretch = max(np.sqrt(chi2 / freedom), 1.0)
    drawn = np.log(resample(curve, noise, settings.resamples, rng))
    drawn = noise.log_error + stretch * (drawn - noise.log_error)
    fits = fit_law(settings.law, curve.size, np.exp(drawn), noise=spread)
    log_error = np.log(fits.predict(np.exp(grid)))
    usable = np.isfinite(log_error).all(axis=1)
    if usable.sum() < settings.resamples / 2:
        return None, int((~usable).sum())
    draws = CurveDraws(
        x=read_only(grid),
        n_inside=n_inside,
        log_error=read_only(log_error[usable]),
        run_spread=read_only(run_spread(curve, noise, grid)),
        departure=0.0,
        exponent=(float("nan"), float("nan"), float("nan")),
    )
    return draws, int((~usable).sum())
