"""Learning curves: error over training, one line for each run or group of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.plots import lines, style
from analysis.table.names import format_size
from analysis.table.trials import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = Sequence[tuple[float, float]]
MOST_LABELS = 8
"""More lines than this are drawn without names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LearningLine:
    """One group of runs."""

    label: str
    runs: tuple[tuple[FloatArray, FloatArray], ...]
    """Steps and errors of each run."""
    step: FloatArray
    """Steps at which every run was scored."""
    middle: FloatArray
    """Median over the runs there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LearningInfo:
    """All that the picture shows."""

    lines: tuple[LearningLine, ...]
    step_label: str
    error_label: str
    percent: bool


def learning_info(
    curves: Mapping[str, Curve | Sequence[Curve]],
    *,
    step_label: str = "Training step",
    error_label: str = "Validation error",
    percent: bool = True,
) -> LearningInfo:
    """Compute what the picture shows.

    Parameters
    ----------
    curves : mapping
        Name of a line -> (step, error) pairs of one run, or a list of such runs. A trial's record
        holds them as ``record["curve"]["val_error"]``; so does MLflow's metric history.
    step_label, error_label : str
        What the axes count.
    percent : bool
        Show errors as per cent.

    Raises
    ------
    AnalysisError
        If a curve does not consist of pairs.
    """
    drawn = []
    for name, given in curves.items():
        runs = []
        for run in _runs(name, given):
            pairs = np.array([(s, e) for s, e in run if np.isfinite(e) and e > 0.0], dtype=float)
            if len(pairs):
                runs.append((pairs[:, 0], pairs[:, 1]))
        if not runs:
            continue
        shared = set(runs[0][0].tolist()).intersection(*(set(s.tolist()) for s, _ in runs[1:]))
        step = np.array(sorted(shared))
        at = [dict(zip(s.tolist(), e.tolist(), strict=True)) for s, e in runs]
        middle = np.array([np.median([run[s] for run in at]) for s in step])
        drawn.append(LearningLine(label=name, runs=tuple(runs), step=step, middle=middle))
    return LearningInfo(
        lines=tuple(drawn), step_label=step_label, error_label=error_label, percent=percent
    )


def _runs(name: str, given: Curve | Sequence[Curve]) -> list[Curve]:
    """One run or several, as several."""
    try:
        if not len(given):
            return []
        first = given[0]
        if len(first) == 2 and all(isinstance(v, int | float | np.number) for v in first):
            return [given]  # type: ignore[list-item]
        return list(given)  # type: ignore[arg-type]
    except TypeError:
        raise AnalysisError(
            f"curves: {name!r} must be (step, error) pairs or a list of such runs, got {given!r}"
        ) from None


def draw_learning_curves(info: LearningInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_learning_curves", "learning_info")
    axes = lines.own_axes(axes)
    if not info.lines:
        return lines.nothing_to_draw(axes, "no curve was recorded")
    k = style.scale(axes)
    colours = style.line_colours(len(info.lines))
    steps = np.concatenate([s for line in info.lines for s, _ in line.runs])
    y_low, y_high = lines.log_limits([e for line in info.lines for _, e in line.runs])
    style.error_axis(axes, y_low, y_high, info.error_label, percent=info.percent)
    first, last = float(steps.min()), float(steps.max())
    if first > 0.0 and last > 20.0 * first:
        axes.set_xscale("log")
        axes.set_xlim(first / 1.05, last * 1.02)
        ticks = style.readable_ticks(first, last)
        style.set_log_ticks(axes.xaxis, ticks, [format_size(tick) for tick in ticks])
    else:
        axes.set_xlim(first - 0.01 * (last - first), last + 0.01 * (last - first))
    axes.set_xlabel(info.step_label)
    for index, (line, colour) in enumerate(zip(info.lines, colours, strict=True)):
        dash = lines.DASHES[index % len(lines.DASHES)]
        for step, error in line.runs if len(line.runs) > 1 else ():
            axes.plot(step, error, color=colour, linewidth=0.6 * k, alpha=0.35)
        axes.plot(line.step, line.middle, color=colour, linewidth=1.6 * k, linestyle=dash)
    if len(info.lines) <= MOST_LABELS:
        ends = [float(line.middle[-1]) if len(line.middle) else y_high for line in info.lines]
        lines.label_ends(axes, [line.label for line in info.lines], ends, colours)
    if any(len(line.runs) > 1 for line in info.lines):
        style.note(axes, "thick: median   thin: single runs")
    return axes
