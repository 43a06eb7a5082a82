"""Error over width and shape: one row a shape, one field a network, and the networks to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.curves.curve import Curve
from analysis.plots import lines, shape_marks, style
from analysis.shapes.growing import SAME_SIZE
from analysis.shapes.study import ShapeStudy
from analysis.study import StudyAnalysis
from analysis.table.names import format_size, plain_name
from analysis.table.trials import UNKNOWN, FloatArray, IntArray
from analysis.words.told import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 33
"""Of the colours."""
LIGHT = 0.45
"""Lightness of a field from which dark text is read better than white."""
MOST_TICKS = 8
LIFT = 0.16
"""Of the numbers below the middle of their row, in rows."""
LEAST_ROW = 2.2
"""Heights of the type that a row of numbers with marks above them takes."""
BESIDE = 9.5
"""Heights of the type that the axis' title and the bar of colours take beside the axes."""
CORNER = 6.0
"""Points from the left and upper ends of a field to the mark of a network to take."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeMapInfo(lines.Named):
    """All that the picture shows, at one dataset size."""

    n_examples: float
    shapes: tuple[str, ...]
    """(J,) the rows, the simpler first; empty where there is nothing to show."""
    shape_axes: tuple[str, ...]
    along: str
    """What grows along a row, as an axis begins."""
    cell: tuple[str, ...]
    """(K,) the networks."""
    row: IntArray
    """(K,)"""
    at: FloatArray
    """(K,) value of what grows."""
    fitted: FloatArray
    """(K,) error on the curve of the shape."""
    observed: FloatArray
    """(K,) mean error of the replicates."""
    path: IntArray
    """(P,) networks to take as the size grows."""


def shape_map_info(analysis: StudyAnalysis, n_examples: float | None = None) -> ShapeMapInfo:
    """Compute what the picture shows, at the largest dataset size if no other is asked for.

    It is empty where shapes were not compared.
    """
    names = lines.names_of(analysis)
    asked = [one for one in analysis.shapes if n_examples in (None, one.n_examples)]
    found = asked[-1] if asked else None
    fit = next((f for f in analysis.fits if found and f.curve.n_examples == found.n_examples), None)
    if found is None or fit is None or fit.ladders is None:
        nothing = np.empty(0)
        return ShapeMapInfo(
            n_examples=UNKNOWN, shapes=(), shape_axes=(), along="", cell=(), at=nothing,
            row=np.empty(0, dtype=np.int64), fitted=nothing, observed=nothing,
            path=np.empty(0, dtype=np.int64), **names,
        )  # fmt: skip
    curve = fit.curve
    place = {name: j for j, name in enumerate(found.shapes)}
    along = found.grown_by.replace("_", " ") if curve.grown is not None else names["size_name"]
    return ShapeMapInfo(
        n_examples=found.n_examples,
        shapes=found.shapes,
        shape_axes=found.axes,
        along=capital(plain_name(along)),
        cell=curve.cell,
        row=np.array([place[curve.shapes[j].name] for j in curve.shape], dtype=np.int64),
        at=curve.size if curve.grown is None else curve.grown,
        fitted=fit.shown(fit.cell_errors()),
        observed=fit.shown(np.exp(fit.noise.log_error)),
        path=_path(found, curve),
        **names,
    )


def _path(found: ShapeStudy, curve: Curve) -> IntArray:
    """(P,) the largest network of the shape taken that is no larger than each size compared.

    Smaller and larger sizes, at which one shape was tried, have the networks of the budgets.
    """
    names = np.array([curve.shapes[j].name for j in curve.shape])
    compared = []
    for choice in found.choices:
        fits = np.flatnonzero((names == choice.shape) & (curve.size <= choice.size * SAME_SIZE))
        if len(fits):
            compared.append(int(fits[np.argmax(curve.size[fits])]))
    beside = [curve.cell.index(budget.cell) for budget in found.budgets]
    sizes = curve.size[compared] if compared else np.array([np.inf])
    before = [k for k in beside if curve.size[k] < sizes[0]]
    after = [k for k in beside if curve.size[k] > sizes[-1]]
    return np.array(list(dict.fromkeys([*before, *compared, *after])), dtype=np.int64)


def draw_shape_map(info: ShapeMapInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import MaxNLocator

    lines.only_info(info, "draw_shape_map", "shape_map_info")
    axes = lines.own_axes(axes)
    if not info.shapes:
        return lines.nothing_to_draw(axes, "no shapes were compared")
    low, high = float(info.fitted.min()), float(info.fitted.max())
    if info.linear:
        high = max(high, low + 1e-9)
        norm, levels = Normalize(low, high), np.linspace(low, high, STEPS)
    else:
        high = max(high, low * 1.02)
        norm, levels = LogNorm(low, high), np.geomspace(low, high, STEPS)
    colours = colormaps["cividis"](norm(info.fitted))
    left, right = _limits(info)
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(-0.5, len(info.shapes) - 0.5)
    begin, end = _fields(info)
    # Bars and no pixels: LaTeX's graphics know no raster.
    axes.barh(
        info.row, end - begin, left=begin, height=0.96, color=colours, edgecolor="white",
        linewidth=0.6,
    )  # fmt: skip
    _axis_labels(info, axes)
    figure = axes.get_figure(root=True)
    bar = figure.colorbar(  # type: ignore[union-attr]
        ScalarMappable(norm, "cividis"), ax=axes, pad=0.02, aspect=30, boundaries=levels
    )
    every = (
        [float(tick) for tick in MaxNLocator(6).tick_values(low, high)]
        if info.linear
        else style.readable_ticks(low, high, most=7)
    )
    ticks = [tick for tick in every if low < tick < high]
    style.set_log_ticks(
        bar.ax.yaxis, ticks, [style.error_text(tick, percent=info.percent) for tick in ticks]
    )
    bar.set_label(info.error_label)
    bar.outline.set_visible(False)
    _path_and_numbers(info, colours, axes)
    style.note(
        axes, *lines.at_examples(info.n_examples), "colour: fitted, number: measured",
        *(["line: the network to take as size grows"] if len(info.path) else []),
    )  # fmt: skip
    return axes


def shape_map_figure(analysis: StudyAnalysis) -> Figure:
    """The figure of a study, on axes of its own."""
    info = shape_map_info(analysis)
    return style.on_screen((6.6, 3.4), lambda axes: draw_shape_map(info, axes))


def _edges(at: FloatArray) -> FloatArray:
    """(n + 1,) where fields about n rising values begin and end: halfway, on the log."""
    logs = np.log(at)
    if len(logs) == 1:
        only: FloatArray = np.exp(logs[0] + np.array([-0.35, 0.35]))
        return only
    middle = (logs[1:] + logs[:-1]) / 2.0
    ends = [2.0 * logs[0] - middle[0], *middle, 2.0 * logs[-1] - middle[-1]]
    edges: FloatArray = np.exp(np.array(ends))
    return edges


def _fields(info: ShapeMapInfo) -> tuple[FloatArray, FloatArray]:
    """(K,) where the field of each network begins and ends, in its row."""
    begin, end = np.empty(len(info.at)), np.empty(len(info.at))
    for j in np.unique(info.row):
        mine = np.flatnonzero(info.row == j)
        mine = mine[np.argsort(info.at[mine], kind="stable")]
        edges = _edges(info.at[mine])
        begin[mine], end[mine] = edges[:-1], edges[1:]
    return begin, end


def _limits(info: ShapeMapInfo) -> tuple[float, float]:
    begin, end = _fields(info)
    return float(begin.min()), float(end.max())


def _axis_labels(info: ShapeMapInfo, axes: Axes) -> None:
    values = np.unique(info.at)
    ticks: Sequence[float] = values.tolist()
    if len(values) > MOST_TICKS:
        ticks = style.readable_ticks(float(values[0]), float(values[-1]), most=MOST_TICKS)
    style.set_log_ticks(axes.xaxis, ticks, [format_size(tick) for tick in ticks])
    axes.set_xlabel(info.along)
    title, names = shape_marks.terse(info.shape_axes, info.shapes)
    style.set_log_ticks(axes.yaxis, list(range(len(names))), names)
    axes.set_ylabel(title)
    axes.tick_params(axis="both", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _path_and_numbers(info: ShapeMapInfo, colours: FloatArray, axes: Axes) -> None:
    """What was measured, where that fits, and in corners the networks to take, joined."""
    k, points = style.scale(axes), style.small_text()
    figure = axes.get_figure(root=True)
    tall = 72.0 * float(figure.get_figheight()) * 0.7 / len(info.shapes)  # type: ignore[union-attr]
    across = _across(info, axes)
    texts = [style.error_text(_two(v), percent=info.percent) for v in info.observed]
    low, high = _limits(info)
    begin, end = _fields(info)
    wide = across * np.log(end / begin) / np.log(high / low)
    fits = wide > [style.text_width(text, points) + 2.0 for text in texts]
    fits &= tall > LEAST_ROW * points
    lift = min(max(LIFT * tall, 1.2 * points), 0.5 * tall - 0.75 * points) / tall
    at, row = info.at[info.path], info.row[info.path].astype(np.float64)
    if fits.any():
        inset = np.minimum(CORNER * k, wide / 2.0)[info.path]
        at = begin[info.path] * (high / low) ** (inset / across)
        row = row + 0.48 - CORNER * k / tall
    line = _between_rows(at, row, info.row[info.path]) if fits.any() else (at, row)
    axes.plot(*line, color="white", linewidth=2.2 * k, zorder=4, solid_capstyle="round")
    axes.plot(*line, color=style.INK, linewidth=1.1 * k, zorder=4.5)
    axes.plot(
        at, row, color=style.INK, linestyle="none", marker="o", markersize=4.6 * k,
        markerfacecolor="white", markeredgewidth=1.1 * k, zorder=7,
    )  # fmt: skip
    for cell in np.flatnonzero(fits).tolist():
        light = float(colours[cell, :3] @ np.array([0.2126, 0.7152, 0.0722])) > LIGHT
        axes.text(
            float(np.sqrt(begin[cell] * end[cell])), info.row[cell] - lift, texts[cell],
            ha="center", va="center", fontsize=points, color=style.INK if light else "white",
            zorder=6, bbox={"facecolor": colours[cell], "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip


def _across(info: ShapeMapInfo, axes: Axes) -> float:
    """Points across the axes: as they are, or as a layout that is still to come will have them."""
    figure, points = axes.get_figure(root=True), style.small_text()
    width = 72.0 * float(figure.get_figwidth())  # type: ignore[union-attr]
    if figure.get_layout_engine() is None:  # type: ignore[union-attr]
        return width * float(axes.get_position().width)
    names = shape_marks.terse(info.shape_axes, info.shapes)[1]
    return width - BESIDE * points - max(style.text_width(name, points) for name in names)


def _between_rows(
    at: FloatArray, row: FloatArray, rows: IntArray
) -> tuple[list[float], list[float]]:
    """Corners of a line that changes rows along their borders, where no number stands."""
    x, y = [float(at[0])], [float(row[0])]
    for k in range(1, len(at)):
        if rows[k] != rows[k - 1]:
            border = float(rows[k - 1]) + (0.5 if rows[k] > rows[k - 1] else -0.5)
            x += [float(at[k - 1]), float(at[k])]
            y += [border, border]
        x.append(float(at[k]))
        y.append(float(row[k]))
    return x, y


def _two(value: float) -> float:
    """A number of two digits, as a small field has room for."""
    return float(f"{value:.2g}")
