"""Residuals: how far each point lies from its fitted curve, in per cent of the error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import FloatArray
from analysis.words.told import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualGroup:
    """The points of one dataset size."""

    label: str
    size: FloatArray
    residual: FloatArray
    """(K,) the point's error over the curve's, less 1."""
    low: FloatArray
    high: FloatArray
    """(K,) one standard error down and up, by the point's replicates alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualsInfo:
    """All that the picture shows."""

    groups: tuple[ResidualGroup, ...]
    size_label: str
    error_label: str


def residuals_info(analysis: StudyAnalysis) -> ResidualsInfo:
    """Compute what the picture shows."""
    groups = []
    for fit in analysis.fits:
        if fit.draws is None:
            continue
        curve = fit.curve
        inside = np.clip(curve.size, np.exp(fit.draws.x[0]), np.exp(fit.draws.x[-1]))
        off = np.exp(fit.noise.log_error - np.log(fit.predict(inside)))
        spread = np.sqrt(fit.noise.run_variance / np.maximum(curve.replicates, 1))
        groups.append(
            ResidualGroup(
                label=lines.data_label(curve.n_examples),
                size=curve.size,
                residual=off - 1.0,
                low=-off * np.expm1(-spread),
                high=off * np.expm1(spread),
            )
        )
    s = analysis.settings
    return ResidualsInfo(
        groups=tuple(groups),
        size_label=capital(plain_name(s.size_name)),
        error_label=plain_name(s.error_name),
    )


def draw_residuals(info: ResidualsInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    axes = lines.own_axes(axes)
    if not info.groups:
        return lines.nothing_to_draw(axes, "no curve was fitted")
    k = style.scale(axes)
    colours = style.line_colours(len(info.groups))
    low, high = lines.log_limits([group.size for group in info.groups], 1.15)
    beside = (high / low) ** (0.012 * k * (len(info.groups) - 1) / 2.0)
    style.size_axis(axes, low / beside, high * beside, info.size_label)
    axes.axhline(0.0, color=style.INK, linewidth=0.9 * k)
    # Dataset sizes that share their sizes are set side by side.
    step = (high / low) ** (0.012 * k)
    middle = (len(info.groups) - 1) / 2.0
    for index, (group, colour) in enumerate(zip(info.groups, colours, strict=True)):
        at = group.size * step ** (index - middle)
        axes.errorbar(
            at, group.residual, yerr=[group.low, group.high],
            fmt=style.MARKERS[index % len(style.MARKERS)],
            markersize=4.0 * k, color=colour, markerfacecolor="white", markeredgewidth=1.1 * k,
            elinewidth=0.9 * k, label=group.label,
        )  # fmt: skip
    lowest = min(float((g.residual - g.low).min()) for g in info.groups)
    highest = max(float((g.residual + g.high).max()) for g in info.groups)
    axes.set_ylim(min(1.08 * lowest, -0.01), max(1.08 * highest, 0.01))
    lines.plain_axis(axes, "y", lines.percent_off, 6)
    axes.set_ylabel(f"{capital(info.error_label)} off the curve")
    if len(info.groups) > 1:
        lines.group_legend(axes, title="examples")
    style.note(axes, "bars: one standard error of the replicates")
    return axes
