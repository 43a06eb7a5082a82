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

STEPS = 33
"""Of the colours."""
LIGHT = 0.45
"""Lightness of a field from which dark text is read better than white."""
MOST_TICKS = 8
LIFT = 0.24
"""Of the path above the middle of its row, and of the numbers below it, in rows."""


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
    _path_and_numbers(info, colours, axes)
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
    style.note(
        axes, *lines.at_examples(info.n_examples), "colour: fitted, number: measured",
        *(["line: the network to take as size grows"] if len(info.path) else []),
    )  # fmt: skip
    return axes


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
    """The networks to take, joined, and below them what was measured, where that fits."""
    k, points = style.scale(axes), style.small_text()
    figure = axes.get_figure(root=True)
    inches = float(figure.get_figheight()) * 0.7 / len(info.shapes)  # type: ignore[union-attr]
    across = 72.0 * float(figure.get_figwidth()) * 0.72  # type: ignore[union-attr]
    texts = [style.error_text(_two(v), percent=info.percent) for v in info.observed]
    low, high = _limits(info)
    begin, end = _fields(info)
    wide = across * np.log(end / begin) / np.log(high / low)
    fits = wide > [points * shape_marks.LETTER * (len(text) + 0.8) for text in texts]
    if 2 * fits.sum() < len(fits):  # some alone would stand out
        fits[:] = False
    fits &= 72.0 * inches > 2.9 * points
    lift = LIFT if fits.any() else 0.0
    at, row = info.at[info.path], info.row[info.path] + lift
    axes.plot(at, row, color="white", linewidth=2.6 * k, zorder=4, solid_capstyle="round")
    axes.plot(
        at, row, color=style.INK, linewidth=1.3 * k, marker="o", markersize=4.6 * k,
        markerfacecolor="white", markeredgewidth=1.1 * k, zorder=5,
    )  # fmt: skip
    for cell in np.flatnonzero(fits).tolist():
        light = float(colours[cell, :3] @ np.array([0.2126, 0.7152, 0.0722])) > LIGHT
        axes.text(
            float(np.sqrt(begin[cell] * end[cell])), info.row[cell] - LIFT, texts[cell],
            ha="center", va="center", fontsize=points, color=style.INK if light else "white",
            zorder=6, bbox={"facecolor": colours[cell], "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip


def _two(value: float) -> float:
    """A number of two digits, as a small field has room for."""
    return float(f"{value:.2g}")
