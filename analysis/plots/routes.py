"""The routes to a small model on one size axis: error against size, one line for each route."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.plots import lines, style
from analysis.routes.comparison import RouteStudy
from analysis.routes.curves import RouteCurve
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import UNKNOWN

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
class RoutesInfo(lines.Named):
    """All that the picture shows, at one dataset size."""

    n_examples: float
    lines: tuple[RouteLine, ...]
    crossings: tuple[CrossingMark, ...]


def routes_info(analysis: StudyAnalysis, n_examples: float | None = None) -> RoutesInfo:
    """Compute what the picture shows, at the largest dataset size or the one asked for."""
    studies = [r for r in analysis.routes if n_examples in (None, r.n_examples)]
    study = studies[-1] if studies else None
    curves = () if study is None else study.curves
    several = len({curve.method for curve in curves if curve.method}) > 1
    return RoutesInfo(
        n_examples=UNKNOWN if study is None else study.n_examples,
        lines=tuple(_line(curve, several=several) for curve in curves),
        crossings=() if study is None else tuple(_crossings(study)),
        **lines.names_of(analysis)
        | ({} if study is None else {"size_name": plain_name(study.size)}),
    )


def _crossings(study: RouteStudy) -> Iterator[CrossingMark]:
    for c in study.crossings:
        if c.kind == "crosses" and math.isfinite(c.size):
            error = float(study.curve(c.first).fit.predict(c.size))
            yield CrossingMark(size=c.size, low=c.low, high=c.high, error=error)


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
    lines.only_info(info, "draw_routes", "routes_info")
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
    parts = lines.at_examples(info.n_examples)
    if any(math.isfinite(line.payoff) for line in info.lines):
        parts.append("★ payoff point")
    if info.crossings:
        parts.append(f"circle: two routes cross, with the {info.level:.0%} interval")
    parts.append(f"band: {info.level:.0%}")
    style.note(axes, *parts)
    return axes
