"""One size-versus-error curve, fitted: the public notebook interface.

>>> from analysis import fit_curve
>>> fit = fit_curve([100, 200, 400, 800, 1600, 3200], [.5, .4, .33, .29, .27, .26])
>>> fit.predict(400.0).shape
()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.curves.curve import Curve, Exclusion, build_curves
from analysis.curves.noise import Noise, measure_noise, resample
from analysis.curves.points import run_spread, size_grid
from analysis.errors import AnalysisError
from analysis.posterior.curves import CurveDraws, draw_curves
from analysis.settings import AnalysisSettings, Rule
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, TrialTable, read_only
from analysis.verdicts.comparison import Comparison, compare_cells
from analysis.verdicts.decide import PayoffPoint, decide, describe, format_size, too_little
from analysis.verdicts.rules import payoff_distribution

Numbers = float | Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveFit:
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

    @property
    def verdict(self) -> PayoffPoint:
        """The headline rule's answer."""
        return self.payoffs[0]

    def predict(self, size: Numbers) -> FloatArray:
        """Mean error at the sizes, in the shape of ``size``.

        Raises
        ------
        AnalysisError
            If a size lies below the range tried or over two doublings beyond it: that is
            extrapolation, which ``analysis.extrapolate`` judges by held-out sizes.
        """
        return np.exp(np.interp(self._inside(size), self._draws().x, self._middle))

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
        low, high = (np.exp(np.interp(at, draws.x, end)) for end in ends)
        return low, high

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

    def summary(self) -> str:
        """What was found, in lines for a notebook or a terminal."""
        name = self.settings.size_name
        curve = self.curve
        lines = [
            f"{len(curve)} points of {int(curve.replicates.sum())} runs"
            + (
                f", {format_size(curve.size[0])} to {format_size(curve.size[-1])} {name}"
                if len(curve)
                else ""
            )
        ]
        for point in self.payoffs:
            lines.append(f"{point.rule} ({point.parameter:g}): {describe(point, name)}")
            if point.next_step:
                lines.append(f"    next: {point.next_step}")
        for exclusion in curve.excluded:
            lines.append(f"left out: {exclusion.count} {exclusion.reason}")
        return "\n".join(lines)

    @cached_property
    def _middle(self) -> FloatArray:
        """(G,) median of the drawn curves."""
        middle: FloatArray = np.median(self._draws().log_error, axis=0)
        return middle

    def _draws(self) -> CurveDraws:
        if self.draws is None:
            why, next_step = too_little(self.curve, self.noise)
            raise AnalysisError(f"curve: cannot be fitted, {why}; {next_step}")
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
        degrees = self.noise.degrees if self.noise.degrees > 0 else 3.0
        noise: FloatArray = rng.standard_t(min(degrees, 1e6), (shape[0], 1))
        return noise * self._draws().run_spread


def fit_curve(
    size: Sequence[float] | FloatArray,
    error: Sequence[float] | FloatArray,
    *,
    examples: Sequence[int] | npt.NDArray[np.int64] | None = None,
    seed: Sequence[int] | npt.NDArray[np.int64] | None = None,
    draw: Sequence[int] | npt.NDArray[np.int64] | None = None,
    law: str = "auto",
    n_test: int = 0,
    settings: AnalysisSettings | None = None,
) -> CurveFit:
    """Fit one size-versus-error curve.

    Parameters
    ----------
    size, error : array-like of shape (runs,)
        Size and error of each run; runs of one size are replicates.
    examples : array-like, optional
        Dataset size of each run. All must be the same: one curve has one dataset size.
    seed, draw : array-like, optional
        Seed and subset draw of each run.
    law : str
        ``"auto"`` averages over laws and smooth departures; a name fits that law alone.
    n_test : int
        Test examples behind each error; 0 if unknown.
    settings : AnalysisSettings, optional
        Rules, level, resamples.

    Returns
    -------
    CurveFit

    Raises
    ------
    AnalysisError
        If the arrays differ in length, no run is usable, or there are several dataset sizes.
    """
    columns = {"n_parameters": size, "test_error": error, "n_examples": examples}
    columns |= {"seed": seed, "draw": draw}
    # By position: a column of a filtered or sorted frame would be read by its labels.
    arrays = {name: np.asarray(v).tolist() for name, v in columns.items() if v is not None}
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise AnalysisError(f"fit_curve: all arrays must have one length, got {lengths}")
    rows = [
        {name: values[k] for name, values in arrays.items()} | {"n_test": n_test}
        for k in range(len(arrays["n_parameters"]))
    ]
    table = TrialTable.from_rows(rows)
    settings = replace(settings or AnalysisSettings(), law=law, size_label="size")
    if not len(table):
        reasons = "; ".join(d.reason for d in table.dropped) or "there are none"
        raise AnalysisError(f"fit_curve: no usable run ({reasons})")
    curves = build_curves(table, settings)
    if len(curves) > 1:
        raise AnalysisError(
            f"examples: one curve has one dataset size, got {len(curves)}; fit each alone, or "
            "use analysis.analyse on a trial table"
        )
    broken = tuple(Exclusion(reason=d.reason, count=d.count) for d in table.dropped)
    curve = replace(curves[0], excluded=curves[0].excluded + broken)
    return fit_points(curve, settings)


def fit_points(curve: Curve, settings: AnalysisSettings) -> CurveFit:
    """Fit a curve that has been gathered from a trial table."""
    noise = measure_noise(curve)
    draws, failed = None, 0
    if curve.n_sizes >= 2:
        rng = generator(settings.seed, Stream.DATA, curve.n_examples)
        if settings.law == "auto":
            draws = draw_curves(
                curve, noise, resamples=settings.resamples, level=settings.level, rng=rng
            )
        else:
            draws, failed = _law_draws(curve, noise, settings, rng)
    payoffs = tuple(_payoff(curve, noise, draws, rule, settings) for rule in settings.rules)
    return CurveFit(
        curve=curve,
        noise=noise,
        draws=draws,
        settings=settings,
        payoffs=payoffs,
        law=settings.law,
        failed_resamples=failed,
    )


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
