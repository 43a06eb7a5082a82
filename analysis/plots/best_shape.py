"""The best shape at each size: how sure it is at each dataset size, and what the others lose.

A strip for each dataset size says which shape is taken at which size: whole where it is told best,
pale where nothing is lost by it, and open where it cannot be told. Above them, at the largest
dataset size, the error of the other shapes over that of the one taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, shape_marks, style
from analysis.shapes.best import LEVEL, Choice, Standing
from analysis.shapes.study import ShapeStudy
from analysis.study import StudyAnalysis
from analysis.table.names import format_size
from analysis.table.trials import UNKNOWN, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATIOS = (0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Where the axis of excess errors has ticks."""
WIDEST = 3.0
"""Whiskers reach out of the picture where they are so many times as long as the points are apart.
"""
MOST_NAMED = 12
"""Of more shapes, only the strips tell the names."""
PALE = 0.38
"""Share of a shape's colour in a strip where nothing is lost by it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """One dataset size: neighbouring sizes, and what is taken there."""

    label: str
    edge: FloatArray
    """(S + 1,) ends of the parts, one for each size that was compared."""
    shape: tuple[int, ...]
    """(S,) places of the shapes taken."""
    standing: tuple[Standing, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rival:
    """What one shape loses at the sizes where another is taken."""

    shape: int
    size: FloatArray
    ratio: FloatArray
    """Its error over that of the shape taken."""
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class BestShapeInfo(lines.Named):
    """All that the picture shows."""

    n_examples: float
    """Dataset size of the upper part."""
    shapes: tuple[str, ...]
    """Every shape that was compared, the simpler first."""
    shape_axes: tuple[str, ...]
    strips: tuple[Strip, ...]
    """Smallest dataset size first."""
    rivals: tuple[Rival, ...]
    loss: float
    """What a shape may lose, and is still said to be enough."""
    per_unit: float
    """Log error of one unit of what is shown, where that is no share (:attr:`linear`)."""


def best_shape_info(analysis: StudyAnalysis) -> BestShapeInfo:
    """Compute what the picture shows; empty where shapes were not compared."""
    studies = [one for one in analysis.shapes if one.choices]
    shapes = max((one.shapes for one in studies), key=len, default=())
    shapes = tuple(dict.fromkeys((*shapes, *(name for one in studies for name in one.shapes))))
    place = {name: j for j, name in enumerate(shapes)}
    last = studies[-1] if studies else None
    return BestShapeInfo(
        n_examples=UNKNOWN if last is None else last.n_examples,
        shapes=shapes,
        shape_axes=() if last is None else last.axes,
        strips=tuple(_strip(one, place) for one in studies),
        rivals=() if last is None else _rivals(last.choices, place),
        loss=LEVEL,
        per_unit=analysis.settings.scale.per_unit if analysis.settings.scale.additive else 1.0,
        **lines.names_of(analysis),
    )


def _strip(one: ShapeStudy, place: dict[str, int]) -> Strip:
    logs = np.log([choice.size for choice in one.choices])
    room = float(np.median(np.diff(logs))) / 2.0 if len(logs) > 1 else 0.3
    edges = [logs[0] - room, *(logs[1:] + logs[:-1]) / 2.0, logs[-1] + room]
    return Strip(
        label=lines.data_label(one.n_examples),
        edge=np.exp(np.array(edges)),
        shape=tuple(place[choice.shape] for choice in one.choices),
        standing=tuple(choice.standing for choice in one.choices),
    )


def _rivals(choices: tuple[Choice, ...], place: dict[str, int]) -> tuple[Rival, ...]:
    found = []
    for name, j in place.items():
        told = [(c.size, o.more) for c in choices for o in c.others if o.shape == name]
        if told:
            found.append(
                Rival(
                    shape=j,
                    size=np.array([size for size, _ in told]),
                    ratio=1.0 + np.array([more.value for _, more in told]),
                    low=1.0 + np.array([more.low for _, more in told]),
                    high=1.0 + np.array([more.high for _, more in told]),
                )
            )
    return tuple(found)


def draw_best_shape(info: BestShapeInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones: they hold its two parts."""
    lines.only_info(info, "draw_best_shape", "best_shape_info")
    axes = lines.own_axes(axes)
    if not info.strips:
        return lines.nothing_to_draw(axes, "no shapes were compared")
    axes.set_axis_off()
    figure = axes.get_figure(root=True)
    inches = float(figure.get_figheight()) * 0.72  # type: ignore[union-attr]
    each = 1.75 * style.small_text() / 72.0 / inches
    share = min(0.55, each * len(info.strips))
    colours = style.line_colours(len(info.shapes))
    below = axes.inset_axes((0.0, 0.0, 1.0, share))
    above = axes.inset_axes((0.0, share + 0.05, 1.0, 0.95 - share))
    for part in (above, below):
        for side in ("top", "right"):
            part.spines[side].set_visible(False)
    limits = lines.log_limits([strip.edge for strip in info.strips], 1.03)
    _draw_strips(info, colours, limits, below)
    _draw_rivals(info, colours, limits, above)
    title, names = shape_marks.terse(info.shape_axes, info.shapes)
    rows = 0
    if len(names) <= MOST_NAMED:
        rows = shape_marks.legend(above, title, names, colours)
    what = title.lower() if len(info.shape_axes) == 1 else "shape"
    style.note(
        axes, *lines.at_examples(info.n_examples),
        "strips: whole told best, pale enough, open not told",
        above=shape_marks.room(rows),
        caption=[
            f"points: how much more error each other {what} has; bars: {info.level:.0%}",
            "below the dashed line nothing is said to be lost",
        ],
    )  # fmt: skip
    return axes


def best_shape_figure(analysis: StudyAnalysis) -> Figure:
    """The figure of a study, on axes of its own."""
    info = best_shape_info(analysis)
    return style.on_screen((6.6, 4.3), lambda axes: draw_best_shape(info, axes))


def _draw_strips(
    info: BestShapeInfo, colours: list[str], limits: tuple[float, float], axes: Axes
) -> None:
    """One row for each dataset size, the largest on top: it is the one that the points are of."""
    from matplotlib.colors import to_hex, to_rgb

    k, points = style.scale(axes), style.small_text()
    style.size_axis(axes, *limits, info.size_label)
    across = 72.0 * float(axes.get_figure(root=True).get_figwidth()) * shape_marks.PART  # type: ignore[union-attr]
    _thin_ticks(axes, across / points)
    _, names = shape_marks.terse(info.shape_axes, info.shapes)
    for row, strip in enumerate(info.strips):
        begin = 0
        for s in range(len(strip.shape)):
            same = s + 1 < len(strip.shape) and (
                (strip.shape[s + 1], strip.standing[s + 1]) == (strip.shape[s], strip.standing[s])
            )
            if same:
                continue
            left, right = float(strip.edge[begin]), float(strip.edge[s + 1])
            colour, standing, begin = colours[strip.shape[s]], strip.standing[s], s + 1
            pale = to_hex(tuple(PALE * part + 1.0 - PALE for part in to_rgb(colour)))  # type: ignore[arg-type]
            fill = {"best": colour, "enough": pale, "open": "white"}[standing]
            axes.barh(
                row, right - left, left=left, height=0.72, color=fill, edgecolor=colour,
                linewidth=1.0 * k, linestyle=(0, (3, 2)) if standing == "open" else "-",
            )  # fmt: skip
            wide = across * np.log(right / left) / np.log(limits[1] / limits[0])
            letters = wide / (points * shape_marks.LETTER) - 1.0
            said = (info.shapes[strip.shape[s]], names[strip.shape[s]])
            text = next((words for words in said if len(words) < letters), "")
            if text:
                light = float(np.dot(to_rgb(fill), [0.2126, 0.7152, 0.0722])) > 0.45
                axes.text(
                    np.sqrt(left * right), row, text, ha="center", va="center_baseline",
                    fontsize=points, color=style.INK if light else "white",
                )  # fmt: skip
    axes.set_ylim(-0.5, len(info.strips) - 0.5)
    labels = [strip.label for strip in info.strips]
    style.set_log_ticks(axes.yaxis, list(range(len(labels))), labels)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if len(labels) > 1:
        axes.set_ylabel("Examples", fontsize=points)


def _thin_ticks(axes: Axes, letters: float) -> None:
    """Leave out every other tick where the labels are longer than the axis."""
    low, high = axes.get_xlim()
    ticks = [float(tick) for tick in axes.get_xticks() if low <= tick <= high]
    while len(ticks) > 2:
        labels = [format_size(tick) for tick in ticks]
        steps = np.diff(np.log(ticks)) / np.log(high / low) * letters
        if min(steps) > shape_marks.LETTER * (max(map(len, labels)) + 1.0):
            break
        ticks = ticks[::2]
    style.set_log_ticks(axes.xaxis, ticks, [format_size(tick) for tick in ticks])


def _draw_rivals(
    info: BestShapeInfo, colours: list[str], limits: tuple[float, float], axes: Axes
) -> None:
    k = style.scale(axes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(*_heights(info))
    low, high = axes.get_ylim()
    height = float(axes.get_figure(root=True).get_figheight()) * 0.35 * 72.0  # type: ignore[union-attr]
    least = 1.5 * style.small_text() / height
    if info.linear:
        from matplotlib.ticker import MaxNLocator

        ends = np.log([low, high]) / info.per_unit
        units = [v for v in MaxNLocator(int(0.7 / least)).tick_values(*ends) if v > ends[0]]
        units = [float(v) for v in units if v < ends[1]]
        style.set_log_ticks(
            axes.yaxis, np.exp(info.per_unit * np.array(units)).tolist(),
            [f"{v:+.3g}" if v else "0" for v in units],
        )  # fmt: skip
    else:
        ticks = _apart([tick for tick in RATIOS if low < tick < high], low, high, least)
        style.set_log_ticks(axes.yaxis, ticks, [lines.percent_off(tick - 1.0) for tick in ticks])
    style.set_log_ticks(axes.xaxis, [], [])
    style.pale_rules(axes, "y")
    axes.axhline(1.0, color=style.INK, linewidth=0.9 * k, zorder=1)
    axes.axhline(1.0 + info.loss, color=style.INK, linewidth=0.9 * k, linestyle=(0, (4, 3)),
                 zorder=1)  # fmt: skip
    axes.set_ylabel(f"Worse {info.error_name}" if info.linear else f"More {info.error_name}")
    middle = (len(info.rivals) - 1) / 2.0
    for place, one in enumerate(info.rivals):
        at = one.size * (limits[1] / limits[0]) ** (0.012 * k * (place - middle))
        axes.errorbar(
            at, one.ratio, yerr=[one.ratio - one.low, one.high - one.ratio],
            fmt=shape_marks.marker(one.shape, len(info.shapes)), markersize=4.6 * k,
            color=colours[one.shape], markerfacecolor="white", markeredgewidth=1.1 * k,
            elinewidth=1.0 * k, zorder=3,
        )  # fmt: skip


def _heights(info: BestShapeInfo) -> tuple[float, float]:
    """Ends of the axis of ratios: all points, and the whiskers unless they would squeeze these."""
    if not info.rivals:
        return 0.9, 1.2
    ratios = np.log(np.concatenate([one.ratio for one in info.rivals]))
    lows = np.log(np.maximum(np.concatenate([one.low for one in info.rivals]), 1e-3))
    highs = np.log(np.concatenate([one.high for one in info.rivals]))
    least, most = min(float(ratios.min()), 0.0), max(float(ratios.max()), np.log1p(info.loss))
    reach = WIDEST * max(most - least, 0.1)
    low, high = max(float(lows.min()), least - reach), min(float(highs.max()), most + reach)
    pad = 0.05 * (high - low)
    return float(np.exp(min(low, 0.0) - pad)), float(np.exp(high + pad))


def _apart(ticks: list[float], low: float, high: float, least: float) -> list[float]:
    """Ticks, that of no difference always, whose labels do not touch."""
    whole = np.log(high / low)
    kept = [1.0]
    for tick in sorted(ticks, key=lambda t: abs(np.log(t))):
        if all(abs(np.log(tick / other)) >= least * whole for other in kept):
            kept.append(tick)
    return sorted(kept)
