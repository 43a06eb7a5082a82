"""Extrapolation check: the curve fitted without its largest sizes, against what these then gave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.curves.points import REACH
from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.trials import UNKNOWN, BoolArray, FloatArray
from analysis.verdicts.curve_fit import FittedCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


LEAST_SHOWN = 4
"""Sizes that the fit must keep."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExtrapolationInfo(lines.Named):
    """All that the picture shows, at one dataset size."""

    n_examples: float
    grid: FloatArray
    """(G,) sizes; empty where too few sizes were run."""
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    edge: float
    """Largest size that the fit saw."""
    size: FloatArray
    """(K,) points seen."""
    error: FloatArray
    hidden_size: FloatArray
    """(H,) points hidden from the fit."""
    hidden_error: FloatArray
    hidden_low: FloatArray
    """(H,) ends of the interval of each hidden point's mean."""
    hidden_high: FloatArray
    relative_error: float
    """Mean relative error of the forecast at the hidden points; NaN if there is none."""


def extrapolation_info(
    analysis: StudyAnalysis, n_examples: float | None = None
) -> ExtrapolationInfo:
    """Compute what the picture shows: a fit to all sizes but those of the last two doublings.

    Fewer are hidden where the fit would keep under four sizes.
    """
    fits = [f for f in analysis.fits if n_examples in (None, f.curve.n_examples) and len(f.curve)]
    fit = fits[-1] if fits else None
    parts = None if fit is None else _hide(fit)
    common = lines.names_of(analysis)
    common["n_examples"] = UNKNOWN if fit is None else fit.curve.n_examples
    nothing = np.empty(0)
    if fit is None or parts is None:
        return ExtrapolationInfo(
            grid=nothing, mean=nothing, low=nothing, high=nothing, edge=math.nan, size=nothing,
            error=nothing, hidden_size=nothing, hidden_error=nothing, hidden_low=nothing,
            hidden_high=nothing, relative_error=math.nan, **common,
        )  # fmt: skip
    shown, hidden = parts
    refit = FittedCurve.of(fit.curve.only(shown), fit.settings)
    assert refit.draws is not None
    top = float(fit.curve.size[-1])
    grid = np.exp(refit.draws.x[refit.draws.x <= math.log(top) + 1e-9])
    if grid[-1] < top <= math.exp(refit.draws.x[-1]):
        grid = np.append(grid, top)
    low, high = refit.band(grid)
    measured = np.exp(fit.noise.log_error)
    error = fit.shown(measured)
    half = 1.645 * np.sqrt(fit.run_variance / np.maximum(fit.curve.replicates, 1))
    foretold = fit.shown(refit.cell_errors(fit.curve.only(hidden)))
    return ExtrapolationInfo(
        grid=grid,
        mean=refit.predict(grid),
        low=low,
        high=high,
        edge=float(fit.curve.size[shown][-1]),
        size=fit.curve.size[shown],
        error=error[shown],
        hidden_size=fit.curve.size[hidden],
        hidden_error=error[hidden],
        hidden_low=fit.shown(measured * np.exp(-half))[hidden],
        hidden_high=fit.shown(measured * np.exp(half))[hidden],
        relative_error=float(np.mean(np.abs(foretold / error[hidden] - 1.0))),
        **common,
    )


def _hide(fit: FittedCurve) -> tuple[BoolArray, BoolArray] | None:
    """Which cells the refit sees and which it does not; None where there are too few."""
    x = np.log(fit.curve.size)
    for doublings in (REACH, 1.5, 1.0, 0.5):
        hidden = x > x[-1] - doublings * math.log(2.0) + 1e-9
        kept = len(np.unique(np.round(x[~hidden] / 0.02)))
        # The refit's curve reaches two doublings past the last size that it saw.
        if kept >= LEAST_SHOWN and x[-1] <= x[~hidden][-1] + REACH * math.log(2.0) + 1e-9:
            return ~hidden, hidden
    return None


def draw_extrapolation(info: ExtrapolationInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_extrapolation", "extrapolation_info")
    axes = lines.own_axes(axes)
    if not len(info.grid):
        return lines.nothing_to_draw(axes, "too few sizes to hide any from a fit")
    k = style.scale(axes)
    (colour,) = style.line_colours(1)
    style.size_axis(
        axes, *lines.log_limits([info.size, info.hidden_size, info.grid]), info.size_label
    )
    y_low, y_high = lines.error_limits(
        [info.error, info.hidden_low, info.hidden_high, info.mean], linear=info.linear
    )
    beyond = info.grid >= info.edge
    y_low = min(y_low, max(float(info.low.min()) / 1.03, y_low / 2.0))
    y_high = max(y_high, min(float(info.high.max()) * 1.03, y_high * 2.0))
    style.error_axis(
        axes, y_low, y_high, info.error_label, percent=info.percent, linear=info.linear
    )
    axes.fill_between(info.grid, info.low, info.high, color=colour, alpha=0.14, linewidth=0)
    axes.plot(info.grid[~beyond], info.mean[~beyond], color=colour, linewidth=1.7 * k)
    axes.plot(
        info.grid[beyond], info.mean[beyond], color=colour, linewidth=1.7 * k,
        linestyle=(0, (4, 2)),
    )  # fmt: skip
    axes.axvline(info.edge, color=style.PALE, linewidth=0.8 * k, linestyle=(0, (1, 2)))
    lines.cells(axes, info.size, info.error, colour, "o", 4.4)
    axes.vlines(
        info.hidden_size, info.hidden_low, info.hidden_high, color=style.INK, linewidth=1.1 * k
    )
    axes.plot(
        info.hidden_size, info.hidden_error, linestyle="none", marker="D", markersize=4.6 * k,
        color=style.INK, zorder=5,
    )  # fmt: skip
    style.note(
        axes, *lines.at_examples(info.n_examples), "diamonds: hidden from the fit",
        f"off by {info.relative_error:.1%} on average", f"band: {info.level:.0%}",
    )  # fmt: skip
    return axes
