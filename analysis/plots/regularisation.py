"""What a regulariser is worth: the share of the error that it saves, by size and dataset size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.plots import lines, style
from analysis.routes.paired import bounded
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import BoolArray, FloatArray
from search_spaces.errors import nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.tuning.regularisation import RegularisationStep


@dataclass(frozen=True, kw_only=True, eq=False)
class WorthGroup:
    """One dataset size."""

    label: str
    size: FloatArray
    gain: FloatArray
    """Fraction of the test error that the chosen value saves."""
    low: FloatArray
    high: FloatArray
    """Interval of the gain; NaN where the weakest was chosen, or too few pairs bound it."""
    chosen: FloatArray
    """Value with the lowest validation error."""
    used: BoolArray
    """Whether that is another value than the weakest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WorthInfo(lines.Named):
    """All that the picture shows, of one regulariser."""

    regulariser: str
    groups: tuple[WorthGroup, ...]
    weakest: float


def regularisation_info(analysis: StudyAnalysis, regulariser: str | None = None) -> WorthInfo:
    """Compute what the picture shows.

    Parameters
    ----------
    analysis : StudyAnalysis
    regulariser : str, optional
        One that the study made an axis; the first of them if not given.

    Raises
    ------
    AnalysisError
        If the study has regularisers, and this is none of them.
    """
    known = {one.regulariser: one for one in analysis.regularisation}
    if known and regulariser is not None and regulariser not in known:
        raise AnalysisError(
            f"regulariser: must be one of {', '.join(known)}, got {regulariser!r}"
            f"{nearest(regulariser, known)}"
        )
    found = known.get(regulariser or next(iter(known), ""))
    steps = () if found is None else found.steps
    return WorthInfo(
        regulariser="" if found is None else found.regulariser,
        groups=tuple(
            _group(n, [step for step in steps if step.n_examples == n])
            for n in sorted({step.n_examples for step in steps})
        ),
        weakest=steps[0].weakest if steps else math.nan,
        **lines.names_of(analysis),
    )


def _group(n: float, steps: list[RegularisationStep]) -> WorthGroup:
    used = np.array([step.chosen != step.weakest for step in steps], dtype=bool)
    told = used & np.array([bounded(step.gain, step.low) for step in steps], dtype=bool)
    low, high = (np.array([getattr(step, end) for step in steps]) for end in ("low", "high"))
    return WorthGroup(
        label=lines.data_label(n),
        size=np.array([step.size for step in steps]),
        gain=np.array([step.gain for step in steps]),
        low=np.where(told, low, np.nan),
        high=np.where(told, high, np.nan),
        chosen=np.array([step.chosen for step in steps]),
        used=used,
    )


def draw_regularisation(info: WorthInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_regularisation", "regularisation_info")
    axes = lines.own_axes(axes)
    if not info.groups:
        return lines.nothing_to_draw(axes, "no regularisation was made an axis of the study")
    k = style.scale(axes)
    colours = style.line_colours(len(info.groups))
    sizes = [group.size for group in info.groups]
    places = lines.side_by_side(axes, sizes, info.size_label, 0.014)
    axes.axhline(0.0, color=style.INK, linewidth=0.9 * k)
    for index, (group, colour, at) in enumerate(zip(info.groups, colours, places, strict=True)):
        axes.plot(at, group.gain, color=colour, linewidth=0.9 * k, alpha=0.6)
        told = np.isfinite(group.low)
        ends = np.abs(np.array([group.gain - group.low, group.high - group.gain]))
        axes.errorbar(
            at[told], group.gain[told], yerr=ends[:, told], linestyle="none",
            color=colour, elinewidth=0.9 * k,
        )  # fmt: skip
        marker = style.MARKERS[index % len(style.MARKERS)]
        for shown, face in ((group.used, colour), (~group.used, "white")):
            axes.scatter(
                at[shown], group.gain[shown], s=(4.6 * k) ** 2, marker=marker, facecolors=face,
                edgecolors=colour, linewidths=1.1 * k, zorder=3,
                label=group.label if shown is group.used else None,
            )  # fmt: skip
    ends = np.concatenate([[0.0], *(np.r_[g.gain, g.low, g.high] for g in info.groups)])
    bottom, top = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = 0.08 * max(top - bottom, 0.02)
    axes.set_ylim(bottom - room, top + room)
    lines.plain_axis(axes, "y", lambda value: f"{100 * value:.3g}%", 6)
    axes.set_ylabel(f"Saved of the {info.error_name}")
    if len(info.groups) > 1:
        lines.group_legend(axes, title="examples")
    name = plain_name(info.regulariser).replace("_", " ")
    style.note(
        axes, f"best {name} on validation against {info.weakest:g}", *_bars(info),
        f"open: {info.weakest:g} was best",
    )  # fmt: skip
    return axes


def _bars(info: WorthInfo) -> list[str]:
    """What a bar, and what none at a mark, means."""
    barred = any(np.isfinite(group.low).any() for group in info.groups)
    bare = any((g.used & np.isfinite(g.gain) & np.isnan(g.low)).any() for g in info.groups)
    parts = [f"bars: {info.level:.0%} intervals"] if barred or not bare else []
    return [*parts, "no bar: too few pairs"] if bare else parts
