"""Residuals: how far each point lies from its fitted curve, in per cent of the error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.trials import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualGroup:
    """The points of one dataset size."""

    label: str
    size: FloatArray
    residual: FloatArray
    """(K,) the point's error over that of its curve, or its shape's, less 1."""
    low: FloatArray
    high: FloatArray
    """(K,) one standard error down and up, by the point's replicates alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualsInfo(lines.Named):
    """All that the picture shows."""

    groups: tuple[ResidualGroup, ...]


def residuals_info(analysis: StudyAnalysis) -> ResidualsInfo:
    """Compute what the picture shows."""
    groups = []
    for fit in analysis.fits:
        if fit.draws is None:
            continue
        curve = fit.curve
        off = np.exp(fit.noise.log_error - np.log(fit.cell_errors()))
        spread = np.sqrt(fit.run_variance / np.maximum(curve.replicates, 1))
        with np.errstate(over="ignore", invalid="ignore"):  # bars beyond all numbers are not drawn
            low, high = -off * np.expm1(-spread), off * np.expm1(spread)
        groups.append(
            ResidualGroup(
                label=lines.data_label(curve.n_examples),
                size=curve.size,
                residual=off - 1.0,
                low=low,
                high=high,
            )
        )
    return ResidualsInfo(groups=tuple(groups), **lines.names_of(analysis))


def draw_residuals(info: ResidualsInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_residuals", "residuals_info")
    axes = lines.own_axes(axes)
    if not info.groups:
        return lines.nothing_to_draw(axes, "no curve was fitted")
    k = style.scale(axes)
    colours = style.line_colours(len(info.groups))
    sizes = [group.size for group in info.groups]
    places = lines.side_by_side(axes, sizes, info.size_label, 0.012)
    axes.axhline(0.0, color=style.INK, linewidth=0.9 * k)
    for index, (group, colour, at) in enumerate(zip(info.groups, colours, places, strict=True)):
        axes.errorbar(
            at, group.residual, yerr=[group.low, group.high],
            fmt=style.MARKERS[index % len(style.MARKERS)],
            markersize=4.0 * k, color=colour, markerfacecolor="white", markeredgewidth=1.1 * k,
            elinewidth=0.9 * k, label=group.label,
        )  # fmt: skip
    ends = np.concatenate(
        [e for g in info.groups for e in (g.residual - g.low, g.residual + g.high)]
    )
    ends = ends[np.isfinite(ends)]
    lowest, highest = float(ends.min(initial=0.0)), float(ends.max(initial=0.0))
    axes.set_ylim(min(1.08 * lowest, -0.01), max(1.08 * highest, 0.01))
    lines.plain_axis(axes, "y", lines.percent_off, 6)
    axes.set_ylabel(f"{info.error_label} off the curve")
    if len(info.groups) > 1:
        lines.group_legend(axes, title="examples")
    style.note(axes, "bars: one standard error of the replicates")
    return axes
