"""Error against size: one line for each dataset size, with bands, runs and payoff points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.curves.ladders import Shape
from analysis.plots import lines, shape_marks, style
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import FloatArray, IntArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.words.told import capital
from analysis.words.verdicts import rule_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MOST_RUNS = 4000
"""More runs than this are drawn as cell means only."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PayoffMark:
    """Where a payoff point is drawn."""

    size: float
    low: float
    high: float
    low_open: bool
    high_open: bool
    error: float
    hurts: bool
    """It marks where the error turns up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeLine:
    """The curve of one shape as it is drawn: within the sizes tried of it."""

    place: int
    """Which of the picture's shapes it is."""
    grid: FloatArray
    mean: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorLine(lines.CurveLine):
    """One dataset size as it is drawn."""

    run_size: FloatArray
    """(N,) replicates."""
    run_error: FloatArray
    marks: tuple[PayoffMark, ...]
    ladders: tuple[ShapeLine, ...] = ()
    """Curves of the shapes, of which the line is the best at each size."""
    shape: IntArray | None = None
    """(K,) which of the picture's shapes each cell has; None where shapes have no curves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SizeErrorInfo:
    """All that the figure shows."""

    lines: tuple[ErrorLine, ...]
    size_label: str
    error_label: str
    level: float
    rule: str
    percent: bool
    linear: bool
    chance_error: float | None
    shapes: tuple[str, ...] = ()
    """Names of the shapes that have curves, the simpler first."""
    shape_axes: tuple[str, ...] = ()


def size_error_info(analysis: StudyAnalysis) -> SizeErrorInfo:
    """Compute what the figure shows."""
    s = analysis.settings
    shapes = _shapes(analysis)
    drawn = tuple(_line(fit, shapes) for fit in analysis.fits if len(fit.curve))
    rule = rule_name(analysis.fits[0].verdict, s) if analysis.fits else s.rule
    size = plain_name(s.size_name)
    error = plain_name(s.error_name)
    return SizeErrorInfo(
        lines=drawn,
        size_label=capital(size) if s.size_name == s.size else size,
        error_label=capital(error) if s.error_name == s.error else error,
        level=s.level,
        rule=rule,
        percent=lines.names_of(analysis)["percent"],
        linear=lines.names_of(analysis)["linear"],
        chance_error=s.chance_error,
        shapes=tuple(shape.name for shape in shapes),
        shape_axes=tuple(axis for axis, _ in shapes[0].values) if shapes else (),
    )


def _shapes(analysis: StudyAnalysis) -> tuple[Shape, ...]:
    """Every shape that has a curve at some dataset size, the simpler first."""
    found = {
        shape for fit in analysis.fits if fit.ladders is not None for shape in fit.ladders.shapes
    }
    return tuple(sorted(found, key=lambda shape: shape.rank))


def _ladders(fit: FittedCurve, shapes: Sequence[Shape]) -> tuple[ShapeLine, ...]:
    ladders = fit.ladders
    if ladders is None:
        return ()
    found = []
    for j, shape in enumerate(ladders.shapes):
        inside = (ladders.x >= ladders.first[j] - 1e-9) & (ladders.x <= ladders.last[j] + 1e-9)
        mean = fit.shown(np.exp(fit.ladder_middles[j, inside]))
        place = shapes.index(shape)
        found.append(ShapeLine(place=place, grid=np.exp(ladders.x[inside]), mean=mean))
    return tuple(found)


def _line(fit: FittedCurve, shapes: Sequence[Shape]) -> ErrorLine:
    curve = fit.curve
    floor = float(np.exp(fit.noise.log_error).min()) if len(curve) else 1.0
    many = len(curve.run_error) > MOST_RUNS
    return ErrorLine(
        label=lines.data_label(curve.n_examples, lines.EXAMPLES),
        **lines.curve_values(fit),
        run_size=np.empty(0) if many else curve.size[curve.run_cell],
        run_error=np.empty(0) if many else fit.shown(np.maximum(curve.run_error, floor)),
        marks=tuple(_marks(fit)),
        ladders=_ladders(fit, shapes),
        shape=None
        if fit.ladders is None
        else np.array([shapes.index(curve.shapes[k]) for k in curve.shape], dtype=np.int64),
    )


def _marks(fit: FittedCurve) -> list[PayoffMark]:
    """The headline payoff point, and the upturn where there is one."""
    wanted = [fit.verdict] + [p for p in fit.payoffs[1:] if p.kind == "hurts_beyond"]
    return [
        PayoffMark(
            size=point.size,
            low=point.low,
            high=point.high,
            low_open=point.low_open,
            high_open=point.high_open,
            error=float(fit.predict(point.size)),
            hurts=point.kind == "hurts_beyond",
        )
        for point in wanted
        if point.kind in ("pays_off_until", "hurts_beyond") and math.isfinite(point.size)
    ]


def draw_size_error(info: SizeErrorInfo, axes: Axes | None = None) -> Axes:
    """Draw the figure on given axes, or on new ones."""
    lines.only_info(info, "draw_size_error", "size_error_info")
    axes = lines.own_axes(axes, (6.6, 4.3))
    if not info.lines:
        return lines.nothing_to_draw(axes, "no trial to draw yet")
    colours = style.line_colours(len(info.lines))
    x_low, x_high = lines.log_limits([line.size for line in info.lines], 1.12)
    y_low, y_high = lines.error_limits(
        [part for line in info.lines for part in (line.error, line.run_error, line.mean)],
        linear=info.linear,
    )
    bands = [part for line in info.lines for part in (line.low, line.high) if len(part)]
    if bands and not info.linear:  # bands are shown whole unless they would squeeze the points
        y_low = min(y_low, max(min(float(b.min()) for b in bands) / 1.03, y_low / 1.5))
        y_high = max(y_high, min(max(float(b.max()) for b in bands) * 1.03, y_high * 1.5))
    style.size_axis(axes, x_low, x_high, info.size_label)
    style.error_axis(
        axes, y_low, y_high, info.error_label, percent=info.percent, linear=info.linear
    )
    for index, (line, colour) in enumerate(zip(info.lines, colours, strict=True)):
        _draw_line(line, colour, style.MARKERS[index % len(style.MARKERS)], axes, info.shapes)
    for line, colour in zip(info.lines, colours, strict=True):
        for mark in line.marks:
            _draw_mark(mark, colour, (x_low, x_high), axes)
    if len(info.lines) > 1 or info.lines[0].label != "all runs":
        ends = [line.end for line in info.lines]
        lines.label_data_ends(axes, [line.label for line in info.lines], ends, colours)
    _caption(info, axes)
    return axes


def _draw_line(
    line: ErrorLine, colour: str, marker: str, axes: Axes, shapes: Sequence[str]
) -> None:
    k = style.scale(axes)
    if len(line.grid):
        axes.fill_between(line.grid, line.low, line.high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(line.grid, line.mean, color=colour, linewidth=1.8 * k, zorder=3)
    for one in line.ladders:
        axes.plot(
            one.grid, one.mean, color=colour, linewidth=0.9 * k, alpha=0.55, zorder=2.5,
            linestyle=shape_marks.dash(one.place),
        )  # fmt: skip
    axes.plot(
        line.run_size, line.run_error, linestyle="none", marker=".", markersize=3.0 * k,
        color=colour, alpha=0.35, markeredgewidth=0, zorder=2,
    )  # fmt: skip
    if line.shape is None or len(shapes) > shape_marks.MOST_MARKED:
        lines.cells(axes, line.size, line.error, colour, marker, 4.2)
        return
    for j in np.unique(line.shape).tolist():
        mine, own = line.shape == j, shape_marks.marker(j, len(shapes))
        lines.cells(axes, line.size[mine], line.error[mine], colour, own, 4.2)


def _draw_mark(mark: PayoffMark, colour: str, limits: tuple[float, float], axes: Axes) -> None:
    """The payoff point: a filled star on its line, its interval a bar with ends, or an arrow."""
    k = style.scale(axes)
    axes.plot(
        [mark.low, mark.high], [mark.error] * 2, color=style.INK, linewidth=1.3 * k, zorder=5,
        solid_capstyle="butt",
    )  # fmt: skip
    for end, is_open, arrow in ((mark.low, mark.low_open, "<"), (mark.high, mark.high_open, ">")):
        axes.plot(
            [end], [mark.error], marker=arrow if is_open else "|",
            markersize=k * (5 if is_open else 7), color=style.INK, markeredgewidth=1.3 * k,
            zorder=5, clip_on=False,
        )  # fmt: skip
    lines.star(axes, mark.size, mark.error, colour, zorder=6, mark="X" if mark.hurts else "*")


def _caption(info: SizeErrorInfo, axes: Axes) -> None:
    """What the marks mean, above the axes: no legend lies over data."""
    parts = []
    marks = [mark for line in info.lines for mark in line.marks]
    if any(not mark.hurts for mark in marks):
        parts.append(f"★ payoff point ({info.rule}) and its {info.level:.0%} interval")
    if any(mark.hurts for mark in marks):
        parts.append("✖ error turns up")
    parts.append(f"band: {info.level:.0%} for the mean")
    above, caption = 0.0, []
    if info.shapes:
        title, names = shape_marks.terse(info.shape_axes, info.shapes)
        what = title.lower() if len(info.shape_axes) == 1 else "shape"
        caption.append(f"faint lines: each {what}; whole lines: the best {what} at each size")
        if len(names) <= shape_marks.MOST_MARKED:
            inks = [style.INK] * len(names)
            head = title.lower() if what == "shape" else f"each {what} alone:"
            above = shape_marks.room(shape_marks.legend(axes, head, names, inks, dashed=True))
        else:
            parts.append(f"which {what} is which: see the map of shapes (shape_map)")
    style.note(axes, *parts, above=above, caption=caption)


def size_error_figure(analysis: StudyAnalysis) -> Figure:
    """The figure of a study, on axes of its own."""
    info = size_error_info(analysis)
    return style.on_screen((6.6, 4.3), lambda axes: draw_size_error(info, axes))
