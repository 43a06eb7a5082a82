"""The routes to a small model on one size axis: error against size, one line for each route."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.plots import lines, style
from analysis.routes.curves import RouteCurve
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import UNKNOWN
from analysis.words.told import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False)
class RouteLine(lines.CurveLine):
    """One route as it is drawn."""

    payoff: float
    """Payoff point; NaN where there is none."""
    payoff_error: float


@dataclass(frozen=True, kw_only=True)
class CrossingMark:
    """Where two routes cross."""

    size: float
    low: float
    high: float
    error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class RoutesInfo:
    """All that the picture shows, at one dataset size."""

    n_examples: int
    lines: tuple[RouteLine, ...]
    crossings: tuple[CrossingMark, ...]
    size_label: str
    error_label: str
    level: float
    percent: bool


def routes_info(analysis: StudyAnalysis, n_examples: int | None = None) -> RoutesInfo:
    """Compute what the picture shows, at the largest dataset size or the one asked for."""
    s = analysis.settings
    studies = [r for r in analysis.routes if n_examples in (None, r.n_examples)]
    study = studies[-1] if studies else None
    methods = {curve.method for curve in study.curves if curve.method} if study else set()
    crossings = []
    for crossing in () if study is None else study.crossings:
        if study is not None and crossing.kind == "crosses" and math.isfinite(crossing.size):
            error = float(study.curve(crossing.first).fit.predict(crossing.size))
            crossings.append(
                CrossingMark(size=crossing.size, low=crossing.low, high=crossing.high, error=error)
            )
    return RoutesInfo(
        n_examples=UNKNOWN if study is None else study.n_examples,
        lines=()
        if study is None
        else tuple(_line(c, several=len(methods) > 1) for c in study.curves),
        crossings=tuple(crossings),
        size_label=capital(plain_name(s.size if study is None else study.size)),
        error_label=capital(plain_name(s.error_name)),
        level=s.level,
        percent=lines.in_percent(analysis),
    )


def _line(route: RouteCurve, *, several: bool) -> RouteLine:
    fit = route.fit
    point = fit.verdict
    placed = point.kind == "pays_off_until" and fit.draws is not None
    return RouteLine(
        label=route.method if several and route.method else route.route,
        **lines.curve_values(fit),
        payoff=point.size if placed else math.nan,
        payoff_error=float(fit.predict(point.size)) if placed else math.nan,
    )


def draw_routes(info: RoutesInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    axes = lines.own_axes(axes, (6.6, 4.3))
    if not info.lines:
        return lines.nothing_to_draw(axes, "models were made by one route only")
    k = style.scale(axes)
    colours = style.line_colours(len(info.lines))
    style.size_axis(axes, *lines.log_limits([line.size for line in info.lines]), info.size_label)
    y_low, y_high = lines.log_limits(
        [part for x in info.lines for part in (x.error, x.low, x.high)]
    )
    style.error_axis(axes, y_low, y_high, info.error_label, percent=info.percent)
    for index, (line, colour) in enumerate(zip(info.lines, colours, strict=True)):
        axes.fill_between(line.grid, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            line.grid, line.mean, color=colour, linewidth=1.7 * k, zorder=3,
            linestyle=lines.DASHES[index % len(lines.DASHES)],
        )  # fmt: skip
        lines.cells(
            axes, line.size, line.error, colour, style.MARKERS[index % len(style.MARKERS)], 4.2
        )
        if math.isfinite(line.payoff):
            lines.star(axes, line.payoff, line.payoff_error, colour, zorder=6)
    for mark in info.crossings:
        axes.plot(
            [mark.low, mark.high], [mark.error] * 2, color=style.PALE, linewidth=1.0 * k, zorder=5
        )
        axes.plot(
            [mark.size], [mark.error], marker="o", markersize=6.5 * k, markerfacecolor="none",
            markeredgecolor=style.INK, markeredgewidth=1.3 * k, zorder=6,
        )  # fmt: skip
    ends = [line.end for line in info.lines]
    lines.label_ends(axes, [line.label for line in info.lines], ends, colours)
    _explain(info, axes)
    return axes


def _explain(info: RoutesInfo, axes: Axes) -> None:
    parts = lines.at_examples(info.n_examples)
    if any(math.isfinite(line.payoff) for line in info.lines):
        parts.append("★ payoff point")
    if info.crossings:
        parts.append(f"circle: two routes cross, with the {info.level:.0%} interval")
    parts.append(f"band: {info.level:.0%}")
    style.note(axes, *parts)
