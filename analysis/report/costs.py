"""What models cost: error against each cost with its front, every cost, and the time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analysis.report.markup import count, duration, figure, folded, notes, paragraph, section, table
from analysis.routes.fronts import PREFERRED, ParetoFront
from analysis.study import StudyAnalysis
from analysis.table.columns import names_of
from analysis.table.fields import Cost
from analysis.table.names import format_quantity, plain_name
from analysis.table.trials import UNKNOWN, IntArray, TrialTable
from analysis.words.kinds import notes as notes_of

SAME_AXIS = 0.02
"""Two sizes whose log ratio varies by no more than this over the runs would draw one picture."""


def other_sizes(
    table: TrialTable, rows: IntArray, size: str, offered: Iterable[str], most: int
) -> list[str]:
    """Sizes, of those offered, that would draw another picture of some runs than ``size`` does."""
    kept = [size]
    for name in dict.fromkeys(offered):
        values = table.column(name)[rows]
        if len(kept) >= most or not (np.isfinite(values) & (values > 0.0)).all():
            continue
        ratios = [np.log(values) - np.log(table.column(other)[rows]) for other in kept]
        if all(np.ptp(ratio) > SAME_AXIS for ratio in ratios if len(ratio)):
            kept.append(name)
    return kept[1:]


def cost_labels(analysis: StudyAnalysis) -> dict[str, str]:
    """Costs that have a front, in the order in which they are offered, in plain words."""
    known = {front.cost for front in analysis.fronts}
    offered = dict.fromkeys((*PREFERRED, *names_of(Cost)))
    return {name: plain_name(name) for name in offered if name in known}


def costs(analysis: StudyAnalysis, trials: TrialTable) -> str:
    """The section; nothing where one cost, one route and no time is known."""
    content = []
    ways = {point.route for front in analysis.fronts for point in front.points}
    if len(cost_labels(analysis)) > 1 or len(ways) > 1:  # else the curve says all of it
        content = [
            notes(notes_of(analysis.findings, "costs")),
            '<div class="controls" data-controls="pareto"></div>',
            figure(
                "pareto",
                "Every model: the mean of its replicates. Line: the front, on which nothing "
                "cheaper is better. The fuller a mark, the likelier that the model is on the "
                "front of all, given the luck of draws, seeds and test examples.",
                kind="multiples",
            ),
            folded("Every model with every cost", _models(analysis)),
        ]
    return section("costs", "What it costs", *content, _times(trials))


def _models(analysis: StudyAnalysis) -> str:
    """Every model of the largest dataset size with all that is known of its costs."""
    largest = max(front.n_examples for front in analysis.fronts)
    fronts = {front.cost: front for front in analysis.fronts if front.n_examples == largest}
    names = [name for name in cost_labels(analysis) if name in fronts]
    values = {name: _by_model(fronts[name]) for name in names}
    models = {
        (point.cell, point.route, point.method): point
        for name in names
        for point in fronts[name].points
    }
    rows = []
    for (cell, route, method), point in sorted(models.items(), key=lambda m: m[1].error):
        row: dict[str, object] = {
            "model": cell,
            "made by": f"{route} ({method})" if method else route,
            plain_name(analysis.settings.error_name): f"{point.error:.4g}",
        }
        for name in names:
            cost = values[name].get((cell, route, method))
            row[plain_name(name)] = "" if cost is None else format_quantity(cost, name)
        rows.append(row)
    where = "" if largest == UNKNOWN else f" at {count(largest)} training examples"
    return table(rows, caption=f"Models{where}, least error first", words=("model", "made by"))


def _by_model(front: ParetoFront) -> dict[tuple[str, str, str], float]:
    return {(point.cell, point.route, point.method): point.cost for point in front.points}


def _times(trials: TrialTable) -> str:
    """Training time, by dataset size and phase."""
    if not np.isfinite(trials.wall_seconds).any():
        return ""
    rows = []
    for n in np.unique(trials.n_examples):
        for phase in dict.fromkeys(trials.phase):
            of_phase = np.array([p == phase for p in trials.phase], dtype=bool)
            seconds = trials.wall_seconds[of_phase & (trials.n_examples == n)]
            if len(seconds):
                rows.append(
                    {
                        "examples": count(n),
                        "phase": phase,
                        "trials": f"{len(seconds):,}",
                        "training time": duration(float(np.nansum(seconds))),
                        "median trial": duration(float(np.nanmedian(seconds)))
                        if np.isfinite(seconds).any()
                        else "",
                    }
                )
    return paragraph(
        "Time in which a trial was being trained, its share where several trained together; "
        "summed over workers.",
        "lede",
    ) + table(rows, caption="Training time", words=("phase",), parts="examples")
