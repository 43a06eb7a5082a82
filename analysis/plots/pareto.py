"""Error against a cost: every model, and the front that nothing cheaper beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import lines, style
from analysis.routes.curves import ROUTE_ORDER
from analysis.routes.fronts import PREFERRED
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import UNKNOWN, BoolArray, FloatArray
from analysis.words.told import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False)
class ParetoGroup:
    """The models of one route."""

    label: str
    cost: FloatArray
    error: FloatArray
    probability: FloatArray
    """Of being on the front."""
    on_front: BoolArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ParetoInfo(lines.Named):
    """All that the picture shows, at one dataset size."""

    n_examples: float
    groups: tuple[ParetoGroup, ...]
    front_cost: FloatArray
    """(F,) the front, by the means, in order of cost."""
    front_error: FloatArray
    cost_label: str


def pareto_info(
    analysis: StudyAnalysis, cost: str | None = None, n_examples: float | None = None
) -> ParetoInfo:
    """Compute what the picture shows.

    Parameters
    ----------
    analysis : StudyAnalysis
    cost : str, optional
        Column of the cost axis; if not given, the first known of
        :data:`analysis.routes.fronts.PREFERRED`.
    n_examples : int, optional
        Dataset size; the largest if not given.
    """
    fronts = [f for f in analysis.fronts if n_examples in (None, f.n_examples)]
    largest = max((f.n_examples for f in fronts), default=UNKNOWN)
    by_cost = {f.cost: f for f in fronts if f.n_examples == largest}
    wanted = (cost,) if cost else (*PREFERRED, *by_cost)
    front = next((by_cost[name] for name in wanted if name in by_cost), None)
    points = () if front is None else front.points
    ordered = sorted(points, key=lambda p: (ROUTE_ORDER.index(p.route), p.method))
    methods = {p.method for p in points if p.method}
    names = list(dict.fromkeys(_name(p.route, p.method, methods) for p in ordered))
    groups = []
    for name in names:
        own = [p for p in points if _name(p.route, p.method, methods) == name]
        groups.append(
            ParetoGroup(
                label=name,
                cost=np.array([p.cost for p in own]),
                error=np.array([p.error for p in own]),
                probability=np.array([p.probability for p in own]),
                on_front=np.array([p.on_front for p in own], dtype=bool),
            )
        )
    best = [p for p in points if p.on_front]
    return ParetoInfo(
        n_examples=largest,
        groups=tuple(groups),
        front_cost=np.array([p.cost for p in best]),
        front_error=np.array([p.error for p in best]),
        cost_label=capital(plain_name(front.cost if front is not None else cost or "cost")),
        **lines.names_of(analysis),
    )


def _name(route: str, method: str, methods: set[str]) -> str:
    """The route; the method where there are several."""
    return method if method and len(methods) > 1 else route


def draw_pareto(info: ParetoInfo, axes: Axes | None = None) -> Axes:
    """Draw the picture on given axes, or on new ones."""
    lines.only_info(info, "draw_pareto", "pareto_info")
    axes = lines.own_axes(axes)
    if not info.groups:
        return lines.nothing_to_draw(axes, "fewer than three models differ in this cost")
    k = style.scale(axes)
    colours = style.line_colours(len(info.groups))
    least = 1e-9
    errors = [np.maximum(group.error, least) for group in info.groups]
    style.size_axis(axes, *lines.log_limits([group.cost for group in info.groups]), info.cost_label)
    style.error_axis(axes, *lines.log_limits(errors), info.error_label, percent=info.percent)
    axes.step(
        np.append(info.front_cost, axes.get_xlim()[1]),
        np.append(info.front_error, info.front_error[-1]),
        where="post", color=style.INK, linewidth=1.0 * k, zorder=2,
    )  # fmt: skip
    for index, (group, colour, error) in enumerate(zip(info.groups, colours, errors, strict=True)):
        marker = style.MARKERS[index % len(style.MARKERS)]
        axes.scatter(
            group.cost, error, s=(4.6 * k) ** 2, marker=marker, facecolors="white",
            edgecolors=colour, linewidths=1.0 * k, zorder=3, label=group.label,
        )  # fmt: skip
        axes.scatter(
            group.cost, error, s=(4.6 * k) ** 2, marker=marker, color=colour,
            alpha=np.clip(group.probability, 0.0, 1.0).tolist(), linewidths=0, zorder=4,
        )  # fmt: skip
    if len(info.groups) > 1:
        lines.group_legend(axes)
    where = lines.at_examples(info.n_examples)
    style.note(axes, *where, "line: nothing cheaper is better", "fill: probability of being on it")
    return axes
