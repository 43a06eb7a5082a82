"""The error surface over size and data, read off the fitted curves, with the payoff points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.names import format_size
from analysis.table.trials import UNKNOWN, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SIZES = 80
DATA = 40
STEPS = 33
"""Grid of the surface; between dataset sizes the log error is drawn straight over log data."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SurfaceInfo(lines.Named):
    """All that the picture shows."""

    size: FloatArray
    """(G,) sizes that every curve spans."""
    n_examples: FloatArray
    """(D,)"""
    error: FloatArray
    """(D, G)"""
    cell_size: FloatArray
    """(K,) cells that were run."""
    cell_n: FloatArray
    payoff: FloatArray
    """(P, 2) size and data of the payoff points inside the range."""


def surface_info(analysis: StudyAnalysis) -> SurfaceInfo:
    """Compute what the picture shows; empty with fewer than two dataset sizes."""
    fits = [f for f in analysis.fits if f.draws is not None and f.curve.n_examples != UNKNOWN]
    size, n, error = np.empty(0), np.empty(0), np.empty((0, 0))
    low = max((float(fit.curve.size[0]) for fit in fits), default=1.0)
    high = min((float(fit.curve.size[-1]) for fit in fits), default=1.0)
    if len(fits) >= 2 and high > 1.5 * low:
        size = np.geomspace(low, high, SIZES)
        known = np.log([float(fit.curve.n_examples) for fit in fits])
        grid = np.linspace(known[0], known[-1], DATA)
        logs = np.log([fit.errors(size) for fit in fits])
        error = np.exp([np.interp(grid, known, column) for column in logs.T]).T
        n = np.exp(grid)
    points = [
        (fit.verdict.size, fit.curve.n_examples)
        for fit in fits
        if fit.verdict.kind == "pays_off_until" and math.isfinite(fit.verdict.size)
    ]
    return SurfaceInfo(
        size=size,
        n_examples=n,
        error=error,
        cell_size=np.concatenate([fit.curve.size for fit in fits]) if fits else size,
        cell_n=np.concatenate([np.full(len(f.curve), float(f.curve.n_examples)) for f in fits])
        if fits
        else size,
        payoff=np.array(points, dtype=np.float64).reshape(len(points), 2),
        **lines.names_of(analysis),
    )


def draw_surface(info: SurfaceInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    from matplotlib.colors import LogNorm

    lines.only_info(info, "draw_surface", "surface_info")
    axes = lines.own_axes(axes)
    if not len(info.size):
        return lines.nothing_to_draw(axes, "a surface needs curves of at least two dataset sizes")
    k = style.scale(axes)
    low, high = float(info.error.min()), float(info.error.max())
    high = max(high, low * 1.02)
    # Steps and no pixels: LaTeX's graphics know no raster.
    image = axes.contourf(
        info.size, info.n_examples, info.error, levels=np.geomspace(low, high, STEPS),
        norm=LogNorm(low, high), cmap="cividis", extend="both",
    )  # fmt: skip
    image.set_edgecolor("face")
    levels = [tick for tick in style.readable_ticks(low, high, most=7) if low < tick < high]
    if levels:
        drawn = axes.contour(
            info.size, info.n_examples, info.error, levels=levels, colors="white",
            linewidths=0.7 * k,
        )  # fmt: skip
        drawn.clabel(
            fmt={level: style.error_text(level, percent=info.percent) for level in levels},
            fontsize=style.small_text(),
        )
    inside = (info.cell_size >= info.size[0] * 0.999) & (info.cell_size <= info.size[-1] * 1.001)
    axes.plot(
        info.cell_size[inside], info.cell_n[inside], linestyle="none", marker="o",
        markersize=2.6 * k, markerfacecolor="none", markeredgecolor="white", markeredgewidth=0.6,
        clip_on=False,
    )  # fmt: skip
    axes.plot(
        info.payoff[:, 0], info.payoff[:, 1], linestyle="none", marker="*", markersize=13 * k,
        color="white", markeredgecolor=style.INK, markeredgewidth=0.9, clip_on=False, zorder=5,
    )  # fmt: skip
    style.size_axis(axes, float(info.size[0]), float(info.size[-1]), info.size_label)
    axes.set_yscale("log")
    axes.set_ylim(float(info.n_examples[0]), float(info.n_examples[-1]))
    ticks = sorted({float(n) for n in info.cell_n})
    if len(ticks) > 7:
        ticks = style.readable_ticks(float(info.n_examples[0]), float(info.n_examples[-1]))
    style.set_log_ticks(
        axes.yaxis, ticks, [f"{t:,.0f}" if t < 1e5 else format_size(t) for t in ticks]
    )
    axes.set_ylabel("Training examples")
    bar = axes.get_figure(root=True).colorbar(image, ax=axes, pad=0.02, aspect=30)  # type: ignore[union-attr]
    style.set_log_ticks(
        bar.ax.yaxis, levels, [style.error_text(level, percent=info.percent) for level in levels]
    )
    bar.set_label(info.error_label)
    bar.outline.set_visible(False)
    parts = ["★ payoff point"] if len(info.payoff) else []
    style.note(axes, *parts, "circles: sizes that were run")
    return axes
