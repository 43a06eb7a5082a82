"""Width or depth: what was found of shapes, the best at each cost, and the networks to take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.findings import Estimate
from analysis.plots.shape_map import shape_map_info
from analysis.plots.shape_marks import terse
from analysis.report.costs import other_sizes
from analysis.report.markup import count, figure, folded, notes, number, section, span, table
from analysis.shapes.best import LEVEL, Choice
from analysis.shapes.study import ShapeStudy
from analysis.study import StudyAnalysis
from analysis.table.names import format_quantity, plain_name
from analysis.table.trials import TrialTable, known
from analysis.words.kinds import notes as notes_of
from analysis.words.shape_rows import (
    STANDINGS,
    WAYS,
    budget_rows,
    growth_rows,
    span_rows,
    step_rows,
)
from analysis.words.told import capital

MOST_COSTS = 6
FIRST = ("flops_per_example", "latency_seconds", "model_bytes", "train_flops")
"""Costs that a reader may switch to before all others."""


def shapes(analysis: StudyAnalysis, drawn: Mapping[str, Any]) -> str:
    """The section; nothing where nothing is to be said of shapes."""
    told = notes(notes_of(analysis.findings, "shapes"))
    if not analysis.shapes:
        return section("shapes", "Which shape?", told)
    level = f"{analysis.settings.level:.0%}"
    budgets, n = _budgets(analysis), count(analysis.shapes[-1].n_examples)
    largest = [row for row in budgets if row["examples"] == n]
    smaller = [row for row in budgets if row["examples"] != n]
    several = len(drawn["shapes"]["costs"]) > 1
    return section(
        "shapes",
        "Which shape?",
        told,
        '<div class="controls" data-controls="shapes"></div>' if several else "",
        figure(
            "best-shape",
            "Strip: the shape to take at each size; filled where it is told better than all "
            f"others, pale where no other saves {LEVEL:.0%} of the error, open where it cannot be "
            f"told. Points: how much more error the other shapes have there. Bars: {level} "
            "intervals; below the dashed line nothing is said to be lost.",
            kind="multiples",
        ),
        _network_table(
            [{k: v for k, v in row.items() if k != "examples"} for row in largest],
            "The network to take within a budget" + ("" if n == "all" else f", {n} examples"),
        ),
        figure(
            "shape-map",
            "Every network of the largest dataset size shown, one row for each shape. The colour "
            "goes with the error on the curve of its shape, the number is the measured error. "
            "Line: the network to take as the size grows.",
        ),
        folded(
            "The network to take at other dataset sizes",
            _network_table(smaller, "Within a budget, by dataset size"),
        ),
        folded(
            "Which shape at which size",
            table(_spans(analysis, drawn), caption="Neighbouring sizes of one answer",
                  words=("cost", "shape", "it is", "next best"), parts="examples"),
        ),
        folded(
            "What twice the size saves",
            table(_growths(analysis), caption="From each size, by the same shape or by another",
                  words=("shape", "other shape", "better"), parts="examples"),
        ),
        folded(
            "Every step that was tried",
            table(_steps(analysis), caption="From one network to the next along one axis",
                  words=("from", "axis"), parts="examples"),
        ),
    )  # fmt: skip


def _network_table(rows: list[dict[str, Any]], caption: str) -> str:
    parts = "examples" if rows and "examples" in rows[0] else ""
    return table(rows, caption=caption, words=("network",), parts=parts)


def _budgets(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    size, error = plain_name(analysis.settings.size_name), plain_name(analysis.settings.error_name)
    return [
        {
            "examples": count(row["n_examples"]),
            f"{size}, at most": format_quantity(row["most"], row["cost"]),
            "network": row["network"],
            size: format_quantity(row["value"], row["cost"]),
            error: f"{row['error']:.3g}",
            f"{row['level']:.0%} interval": span(row["error_low"], row["error_high"], "{:.3g}"),
        }
        for row in budget_rows(analysis)
    ]


def _spans(analysis: StudyAnalysis, drawn: Mapping[str, Any]) -> list[dict[str, Any]]:
    offered = dict(drawn["shapes"]["costs"])
    return [
        {
            "examples": count(row["n_examples"]),
            "cost": offered[row["cost"]],
            "from": format_quantity(row["low"], row["cost"]),
            "to": format_quantity(row["high"], row["cost"]),
            "shape": row["shape"],
            "it is": STANDINGS[row["standing"]],
            "probability": f"{row['probability']:.0%}",
            "next best": row["next_shape"],
            "its error": _more(
                analysis, row["next_more"], row["next_more_low"], row["next_more_high"]
            ),
        }
        for row in span_rows(analysis)
        if row["cost"] in offered
    ]


def _growths(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    form = "{:.3g}" if analysis.settings.marginal_is_absolute else "{:.0%}"
    return [
        {
            "examples": count(row["n_examples"]),
            "from size": format_quantity(row["low"], analysis.settings.size),
            "to": format_quantity(row["high"], analysis.settings.size),
            "shape": row["shape"],
            "kept, it saves": _saved(row, "keep", form),
            "other shape": row["other"],
            "it saves": _saved(row, "change", form),
            "better": WAYS[row["way"]],
            "it pays with": f"{row['pays']:.0%}",
        }
        for row in growth_rows(analysis)
    ]


def _steps(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    return [
        {
            "examples": count(row["n_examples"]),
            "from": row["network"],
            "axis": row["axis"],
            "to": row["to"],
            "size times": f"{row['factor']:.3g}",
            "saves": f"{row['saves']:.0%}",
            f"{row['level']:.0%} interval": span(row["saves_low"], row["saves_high"], "{:.0%}"),
            "as large along the ladder": number(row["along"], "{:.0%}"),
            "better with": f"{row['better']:.0%}",
        }
        for row in step_rows(analysis)
    ]


def _saved(row: Mapping[str, Any], name: str, form: str) -> str:
    value, low, high = (row[f"{name}_{part}"] for part in ("value", "low", "high"))
    if not math.isfinite(value):
        return ""
    return f"{form.format(value)} ({span(low, high, form)})"


def _more(analysis: StudyAnalysis, value: float, low: float, high: float) -> str:
    """How much more error another shape has: a share, or units of what is no share."""
    if not math.isfinite(value):
        return ""
    found = _units(analysis, Estimate(value=value, low=low, high=high))
    form = "{:+.3g}" if analysis.settings.scale.additive else "{:+.0%}"
    return f"{form.format(found[0])} ({span(found[1], found[2], form)})"


def _units(analysis: StudyAnalysis, more: Estimate) -> tuple[float, float, float]:
    scale, found = analysis.settings.scale, (more.value, more.low, more.high)
    if not scale.additive:
        return found
    value, low, high = (math.log1p(max(one, -0.999)) / scale.per_unit for one in found)
    return value, low, high


def drawn_shapes(analysis: StudyAnalysis, trials: TrialTable) -> dict[str, Any]:
    """What the page draws of shapes, by dataset size and cost."""
    s = analysis.settings
    last = analysis.shapes[-1]
    fit = next(fit for fit in analysis.fits if fit.curve.n_examples == last.n_examples)
    compared = dict.fromkeys(cost.cost for one in analysis.shapes for cost in one.costs)
    offered = [name for name in (*FIRST, *compared) if name in compared]
    costs = other_sizes(trials, fit.curve.run_row, s.size, offered, MOST_COSTS)
    names = tuple(dict.fromkeys(name for one in analysis.shapes for name in one.shapes))
    title, short = terse(last.axes, names)
    labels = [(s.size, plain_name(s.size_name)), *((name, plain_name(name)) for name in costs)]
    return {
        "title": title,
        "shapes": names,
        "short": short,
        "loss": _units(analysis, Estimate(value=LEVEL, low=LEVEL, high=LEVEL))[0],
        "standings": STANDINGS,
        "costs": labels,
        "studies": [
            {
                "n": known(one.n_examples),
                "choices": {
                    name: [
                        _choice(analysis, choice, names) for choice in _choices(one, name, s.size)
                    ]
                    for name, _ in labels
                },
                "map": _map(analysis, one, names),
            }
            for one in analysis.shapes
        ],
    }


def _choices(one: ShapeStudy, cost: str, size: str) -> Sequence[Choice]:
    if cost == size:
        return one.choices
    return next((found.choices for found in one.costs if found.cost == cost), ())


def _choice(analysis: StudyAnalysis, choice: Choice, names: Sequence[str]) -> dict[str, Any]:
    scale = analysis.settings.scale
    return {
        "size": _short(choice.size),
        "shape": names.index(choice.shape),
        "standing": choice.standing,
        "probability": _short(choice.probability),
        "error": _short(float(scale.shown([choice.error.value])[0])),
        "others": [
            [names.index(one.shape), *map(_short, _units(analysis, one.more)), _short(one.worse)]
            for one in choice.others
        ],
    }


def _map(analysis: StudyAnalysis, one: ShapeStudy, names: Sequence[str]) -> dict[str, Any]:
    info = shape_map_info(analysis, one.n_examples)
    return {
        "along": capital(info.along),
        "cell": info.cell,
        "row": [names.index(info.shapes[j]) for j in info.row.tolist()],
        "at": [_short(v) for v in info.at.tolist()],
        "fitted": [_short(v) for v in info.fitted.tolist()],
        "observed": [_short(v) for v in info.observed.tolist()],
        "path": info.path.tolist(),
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")
