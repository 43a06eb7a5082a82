"""The payoff point against the dataset size, with its growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.names import format_size
from analysis.table.trials import UNKNOWN, FloatArray
from analysis.verdicts.decide import PLACED
from analysis.words.verdicts import rule_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class PayoffMark:
    """The payoff point at one dataset size."""

    n_examples: float
    size: float
    low: float
    high: float
    low_open: bool
    high_open: bool
    beyond: int
    """0: inside the range; 1: still paying at the largest size (drawn there); -1: flat."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GrowthInfo(lines.Named):
    """All that the picture shows."""

    marks: tuple[PayoffMark, ...]
    untold: int
    """Dataset sizes at which it cannot be told."""
    n: FloatArray
    """(G,) dataset sizes of the growth line; empty where growth was not measured."""
    middle: FloatArray
    low: FloatArray
    high: FloatArray
    exponent: str
    """In words; empty where growth was not measured."""
    rule: str


def growth_info(analysis: StudyAnalysis) -> GrowthInfo:
    """Compute what the picture shows."""
    s = analysis.settings
    marks, untold = [], 0
    for fit in analysis.fits:
        point, n = fit.verdict, fit.curve.n_examples
        if n == UNKNOWN or point.kind not in (*PLACED, "still_paying", "flat"):
            untold += n != UNKNOWN
            continue
        beyond = {"still_paying": 1, "flat": -1}.get(point.kind, 0)
        edge = float(fit.curve.size[-1 if beyond == 1 else 0])
        marks.append(
            PayoffMark(
                n_examples=n,
                size=edge if beyond else point.size,
                low=edge if beyond else point.low,
                high=edge if beyond else point.high,
                low_open=bool(point.low_open) and not beyond,
                high_open=bool(point.high_open) and not beyond,
                beyond=beyond,
            )
        )
    g = analysis.growth
    grid = middle = low = high = np.empty(0)
    words = ""
    if g is not None:
        grid = np.geomspace(min(g.n_examples) / 1.2, 2.0 * max(g.n_examples), 25)
        whole = all(float(n).is_integer() for n in g.n_examples)
        ahead = [g.forecast(round(n) if whole else float(n)) for n in grid]
        middle, low, high = np.array([(a.size, a.low, a.high) for a in ahead]).T
        words = f"line: examples to the power {g.exponent:.2f} ({g.low:.2f} to {g.high:.2f})"
    return GrowthInfo(
        marks=tuple(marks),
        untold=untold,
        n=grid,
        middle=middle,
        low=low,
        high=high,
        exponent=words,
        rule=rule_name(analysis.fits[0].verdict, s) if analysis.fits else s.rule,
        **lines.names_of(analysis),
    )


def draw_growth(info: GrowthInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_growth", "growth_info")
    axes = lines.own_axes(axes)
    if not info.marks:
        return lines.nothing_to_draw(axes, "there is no payoff point yet at any dataset size")
    k = style.scale(axes)
    (colour,) = style.line_colours(1)
    n = np.array([mark.n_examples for mark in info.marks], dtype=np.float64)
    style.size_axis(axes, *lines.log_limits([n, info.n], 1.15), "Training examples")
    parts = [np.array([m.low, m.size, m.high]) for m in info.marks]
    y_low, y_high = lines.log_limits([*parts, info.middle], 1.3)
    axes.set_yscale("log")
    axes.set_ylim(y_low, y_high)
    ticks = style.readable_ticks(y_low, y_high)
    style.set_log_ticks(axes.yaxis, ticks, [format_size(tick) for tick in ticks])
    axes.set_ylabel(f"Payoff point ({info.size_name})")
    style.pale_rules(axes, "y")
    if len(info.n):
        axes.fill_between(info.n, info.low, info.high, color=colour, alpha=0.12, linewidth=0)
        seen = info.n <= n.max() * 1.001
        beyond = np.arange(len(info.n)) >= int(seen.sum()) - 1
        axes.plot(info.n[seen], info.middle[seen], color=colour, linewidth=1.5 * k)
        axes.plot(
            info.n[beyond], info.middle[beyond], color=colour, linewidth=1.5 * k,
            linestyle=(0, (4, 3)),
        )  # fmt: skip
    for mark in info.marks:
        _draw_mark(mark, colour, k, axes)
    told = [f"★ payoff point ({info.rule}) and its {info.level:.0%} interval"]
    if any(mark.beyond for mark in info.marks):
        told.append("triangle: beyond the sizes tried")
    if info.exponent:
        told.append(info.exponent)
    if info.untold:
        told.append(f"cannot be told at {info.untold} more")
    style.note(axes, *told)
    return axes


def _draw_mark(mark: PayoffMark, colour: str, k: float, axes: Axes) -> None:
    if mark.beyond:
        axes.plot(
            [mark.n_examples], [mark.size], marker="^" if mark.beyond > 0 else "v",
            markersize=7 * k, markerfacecolor="white", markeredgecolor=style.PALE,
            markeredgewidth=1.2 * k, zorder=4,
        )  # fmt: skip
        return
    axes.plot(
        [mark.n_examples] * 2, [mark.low, mark.high], color=style.INK, linewidth=1.2 * k, zorder=4
    )
    for end, is_open, arrow in ((mark.low, mark.low_open, "v"), (mark.high, mark.high_open, "^")):
        axes.plot(
            [mark.n_examples], [end], marker=arrow if is_open else "_", color=style.INK,
            markersize=k * (5 if is_open else 7), markeredgewidth=1.2 * k, zorder=4, clip_on=False,
        )  # fmt: skip
    lines.star(axes, mark.n_examples, mark.size, colour, zorder=5)
