"""The prune ladder: error against the weights kept, one line for each capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.routes.pruning import PruneLadder
from analysis.study import StudyAnalysis
from analysis.table.names import format_size
from analysis.table.trials import UNKNOWN, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MOST_LINES = 6
"""Capacities drawn: more would hide each other. They are spread evenly over the sizes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LadderLine:
    """One capacity as it is drawn."""

    label: str
    kept: FloatArray
    """(S,) fraction of weights kept, falling from 1."""
    error: FloatArray
    """(S,) mean error."""
    low: FloatArray
    high: FloatArray
    free: float
    """Weights kept at the largest ratio that costs no more than allowed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LadderInfo(lines.Named):
    """All that the figure shows: the capacities of the largest dataset."""

    lines: tuple[LadderLine, ...]
    n_examples: float
    allowed: float


def ladder_info(analysis: StudyAnalysis) -> LadderInfo:
    """Compute what the figure shows."""
    s, names = analysis.settings, lines.names_of(analysis)
    n = max((ladder.n_examples for ladder in analysis.ladders), default=UNKNOWN)
    ladders = [ladder for ladder in analysis.ladders if ladder.n_examples == n]
    methods = sorted({ladder.method for ladder in ladders})
    if len(methods) > 1:  # one capacity, one line for each method
        sizes = {m: {x.size for x in ladders if x.method == m} for m in methods}
        shared = set.intersection(*sizes.values()) or {max(x.size for x in ladders)}
        ladders = [ladder for ladder in ladders if ladder.size == max(shared)]
        drawn = [_line(ladder, ladder.method) for ladder in ladders[:MOST_LINES]]
        names["size_name"] = f"{format_size(max(shared))} {names['size_name']}"
    else:
        few = min(MOST_LINES, len(ladders))
        chosen = np.unique(np.linspace(0, len(ladders) - 1, few).round())
        drawn = [_line(ladders[int(k)], format_size(ladders[int(k)].size)) for k in chosen]
    return LadderInfo(
        lines=tuple(drawn),
        n_examples=n,
        allowed=s.prune_cost,
        **names,
    )


def _line(ladder: PruneLadder, label: str) -> LadderLine:
    dense = max(ladder.dense_error, 1e-9)
    steps = ladder.steps
    return LadderLine(
        label=label,
        kept=np.array([1.0, *(1.0 - step.prune_ratio for step in steps)]),
        error=np.array([dense, *(dense * (1.0 + step.cost) for step in steps)]),
        low=np.array([dense, *(dense * (1.0 + step.low) for step in steps)]),
        high=np.array([dense, *(dense * (1.0 + step.high) for step in steps)]),
        free=1.0 - ladder.free_ratio,
    )


def draw_ladder(info: LadderInfo, axes: Axes | None = None) -> Axes:
    """Draw the figure on given axes, or on new ones."""
    lines.only_info(info, "draw_ladder", "ladder_info")
    axes = lines.own_axes(axes)
    if not info.lines:
        return lines.nothing_to_draw(axes, "no pruned model to draw")
    k = style.scale(axes)
    colours = style.line_colours(len(info.lines))
    errors = np.concatenate([line.error for line in info.lines])
    kept = np.unique(np.concatenate([line.kept for line in info.lines]))[::-1]
    axes.set_xscale("log")
    axes.set_xlim(float(kept[0]) * 1.1, float(kept[-1]) / 1.1)
    labelled = _spaced(kept, room=0.1 if style.is_narrow(axes) else 0.05)
    style.set_log_ticks(axes.xaxis, labelled, [f"{100 * share:.3g}%" for share in labelled])
    axes.set_xlabel("Weights kept")
    low, high = float(errors.min()) / 1.15, float(errors.max()) * 1.15
    style.error_axis(axes, low, high, info.error_label, percent=info.percent)
    for index, (line, colour) in enumerate(zip(info.lines, colours, strict=True)):
        axes.fill_between(line.kept, line.low, line.high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(
            line.kept, line.error, color=colour, linewidth=1.6 * k, marker=style.MARKERS[index % 6],
            markersize=4.5 * k, markerfacecolor="white", markeredgewidth=1.1, zorder=3,
        )  # fmt: skip
        at = int(np.argmin(np.abs(line.kept - line.free)))
        lines.star(axes, line.kept[at], line.error[at], colour, zorder=5)
    # Lines that end together keep the order of their sizes: the larger, the lower.
    ends = [float(line.error[-1]) * (1.0 - 1e-6 * k) for k, line in enumerate(info.lines)]
    labels = [line.label for line in info.lines]
    lines.label_ends(axes, labels, ends, colours, title=info.size_name)
    where = lines.at_examples(info.n_examples)
    style.note(axes, *where, f"★ most that can go for at most {info.allowed:.0%} more error")
    return axes


def _spaced(kept: FloatArray, *, room: float) -> list[float]:
    """The fractions kept that leave room for their labels."""
    chosen = [float(kept[0])]
    for value in kept[1:]:
        if np.log(chosen[-1] / value) > room * np.log(kept[0] / kept[-1]) + 1e-12:
            chosen.append(float(value))
    return chosen


def ladder_figure(analysis: StudyAnalysis) -> Figure:
    """The figure of a study, on axes of its own."""
    info = ladder_info(analysis)
    return style.on_screen((6.2, 4.0), lambda axes: draw_ladder(info, axes))
