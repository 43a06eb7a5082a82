"""What each hyperparameter did: error of the low, middle and high third of its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import UNKNOWN
from analysis.tuning.sensitivity import THIRDS, Effect
from analysis.words.tuning import SEEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class EffectRow:
    """One hyperparameter."""

    label: str
    ranges: tuple[str, str, str]
    """The thirds, in words."""
    relative: tuple[float, float, float]
    """Error of each third against the mean of its cell, as a fraction of it."""
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    words: str


@dataclass(frozen=True, kw_only=True)
class EffectsInfo:
    """All that the picture shows, at one dataset size."""

    n_examples: float
    rows: tuple[EffectRow, ...]
    level: float


def effects_info(analysis: StudyAnalysis, n_examples: float | None = None) -> EffectsInfo:
    """Compute what the picture shows, at the largest dataset size or the one asked for."""
    effects = () if analysis.tuning is None else analysis.tuning.effects
    sizes = [effect.n_examples for effect in effects]
    n = n_examples if n_examples is not None else max(sizes, default=UNKNOWN)
    rows = [_row(e) for e in effects if e.n_examples == n and e.capacity == "all"]
    return EffectsInfo(n_examples=n, rows=tuple(rows), level=analysis.settings.level)


def _row(effect: Effect) -> EffectRow:
    first, second = (f"{edge:.2g}" for edge in effect.edges)
    return EffectRow(
        label=plain_name(effect.hyperparameter).replace("_", " "),
        ranges=(f"< {first}", f"{first} to {second}", f"> {second}"),
        relative=effect.thirds,
        low=effect.thirds_low,
        high=effect.thirds_high,
        words=SEEN[effect.seen],
    )


def draw_effects(info: EffectsInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_effects", "effects_info")
    axes = lines.own_axes(axes)
    if not info.rows:
        return lines.nothing_to_draw(axes, "there are no search trials to compare")
    k = style.scale(axes)
    colours = style.line_colours(3)
    axes.axvline(0.0, color=style.INK, linewidth=0.9 * k)
    for place, row in enumerate(info.rows):
        for third, (marker, colour) in enumerate(zip("<o>", colours, strict=True)):
            y = place + 0.25 * (third - 1)
            axes.plot([row.low[third], row.high[third]], [y, y], color=colour, linewidth=1.4 * k)
            axes.plot(
                [row.relative[third]], [y], marker=marker, markersize=5.5 * k, color="white",
                markeredgecolor=colour, markeredgewidth=1.3 * k, linestyle="none",
                label=f"{THIRDS[third]} third" if place == 0 else None,
            )  # fmt: skip
    axes.set_ylim(len(info.rows) - 0.5, -0.5)
    axes.set_yticks(np.arange(len(info.rows)), [f"{row.label}\n{row.words}" for row in info.rows])
    axes.tick_params(axis="y", length=0)
    lines.plain_axis(axes, "x", lines.percent_off, 5)
    axes.set_xlabel("Validation error against the mean of its cell")
    lines.group_legend(axes, title="values")
    style.note(axes, *lines.at_examples(info.n_examples), f"bars: {info.level:.0%} intervals")
    return axes
