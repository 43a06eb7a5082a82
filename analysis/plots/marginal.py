"""Marginal return: how much of the error one more doubling of the size saves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import FloatArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.findings import gauge_of
from analysis.verdicts.gains import Gauge
from analysis.words.metrics import share_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False)
class MarginalLine:
    """One dataset size."""

    label: str
    size: FloatArray
    """(G,) size before the doubling."""
    gain: FloatArray
    """(G,) median fraction of the error that the doubling saves."""
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class MarginalInfo(lines.Named):
    """All that the picture shows."""

    lines: tuple[MarginalLine, ...]
    threshold: float
    """Gain below which a doubling does not pay; NaN where the rule counts units of error."""
    share: str
    """What the gains are shares of."""


def marginal_info(analysis: StudyAnalysis) -> MarginalInfo:
    """Compute what the picture shows: only doublings that lie within the range tried."""
    s = analysis.settings
    return MarginalInfo(
        lines=tuple(line for fit in analysis.fits if (line := _line(fit)) is not None),
        threshold=math.nan if s.marginal_is_absolute else s.marginal,
        share=share_words(plain_name(s.error_name), gauge_of(s)),
        **lines.names_of(analysis),
    )


def _line(fit: FittedCurve) -> MarginalLine | None:
    if fit.draws is None:
        return None
    x = fit.draws.x[: fit.draws.n_inside]
    starts = x[x <= x[-1] - math.log(2.0) + 1e-9]
    if len(starts) < 2:
        return None
    place = (starts + math.log(2.0) - x[0]) / (x[1] - x[0])
    left = np.minimum(place.astype(np.int64), len(x) - 2)
    share = place - left
    curves = fit.draws.log_error
    after = curves[:, left] * (1.0 - share) + curves[:, left + 1] * share
    gauge = gauge_of(fit.settings) or Gauge.of_settings(fit.settings)
    inside = curves[:, : len(x)]
    gain = replace(gauge, absolute=False).gain(inside, curves[:, : len(starts)], after)
    tail = (1.0 - fit.settings.level) / 2.0
    low, middle, high = np.quantile(gain, [tail, 0.5, 1.0 - tail], axis=0)
    return MarginalLine(
        label=lines.data_label(fit.curve.n_examples, lines.EXAMPLES),
        size=np.exp(starts),
        gain=middle,
        low=low,
        high=high,
    )


def draw_marginal(info: MarginalInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_marginal", "marginal_info")
    axes = lines.own_axes(axes)
    if not info.lines:
        return lines.nothing_to_draw(axes, "no curve spans a doubling of the size")
    k = style.scale(axes)
    colours = style.line_colours(len(info.lines))
    smallest = min(float(line.size[0]) for line in info.lines)
    style.size_axis(axes, smallest / 1.05, max(float(x.size[-1]) for x in info.lines) * 1.05,
              info.size_label)  # fmt: skip
    shown = np.concatenate([line.gain for line in info.lines])
    bands = np.concatenate([part for line in info.lines for part in (line.low, line.high)])
    bottom = max(float(bands.min()), min(float(shown.min()), 0.0) - 0.15)
    top = min(float(bands.max()), float(shown.max()) + 0.15)
    room = 0.04 * (top - bottom)
    axes.set_ylim(min(bottom, 0.0) - room, max(top, info.threshold * 1.3) + room)
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    style.pale_rules(axes, "y")
    axes.set_ylabel(f"{info.share} by a doubling")
    axes.axhline(0.0, color=style.INK, linewidth=0.8 * k)
    if math.isfinite(info.threshold):
        axes.axhline(info.threshold, color=style.INK, linewidth=1.0 * k, linestyle=(0, (4, 3)))
    for index, (line, colour) in enumerate(zip(info.lines, colours, strict=True)):
        axes.fill_between(line.size, line.low, line.high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(
            line.size, line.gain, color=colour, linewidth=1.7 * k,
            linestyle=lines.DASHES[index % len(lines.DASHES)],
        )  # fmt: skip
    lines.label_data_ends(
        axes, [line.label for line in info.lines], [float(x.gain[-1]) for x in info.lines], colours
    )
    parts = [f"band: {info.level:.0%}"]
    if math.isfinite(info.threshold):
        parts.insert(0, f"dashed: below {100 * info.threshold:.3g}% a doubling does not pay")
    style.note(axes, *parts)
    return axes
