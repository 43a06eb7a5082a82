"""What was found of shapes as rows for programs: JSON, CSV and the report's tables read these."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.curves.curve import unnamed
from analysis.findings import Estimate
from analysis.settings import AnalysisSettings
from analysis.shapes.best import LEVEL, Span, Standing
from analysis.shapes.costs import Budget
from analysis.shapes.growing import Way
from analysis.shapes.study import ShapeStudy
from analysis.table.names import format_quantity, format_size, in_unit, plain_name
from analysis.table.trials import known

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

Row = dict[str, Any]

STANDINGS: dict[Standing, str] = {
    "best": "told best",
    "enough": f"enough (no other saves {LEVEL:.0%})",
    "open": "cannot be told",
}
"""How sure it is that a shape is the best, as a cell of a table."""
WAYS: dict[Way, str] = {
    "keep": "keep the shape",
    "change": "change the shape",
    "either": "either",
    "neither": "do not grow",
    "open": "cannot be told",
}
"""Which way to grow, likewise."""


def shape_json(analysis: StudyAnalysis) -> list[Row]:
    """One entry for each dataset size at which shapes were compared."""
    s = analysis.settings
    return [
        {
            "n_examples": known(one.n_examples),
            "axes": one.axes,
            "grown_by": one.grown_by,
            "shapes": one.shapes,
            "level": one.level,
            "spans": [asdict(span) for span in one.spans],
            "growths": [asdict(growth) for growth in one.growths],
            "steps": [asdict(step) for step in one.steps],
            "costs": [
                {"cost": cost.cost, "spans": [asdict(span) for span in cost.spans]}
                for cost in one.costs
            ],
            "budgets": [
                asdict(budget) | {"error": asdict(shown_estimate(budget.error, s))}
                for budget in one.budgets
            ],
        }
        for one in analysis.shapes
    ]


def span_rows(analysis: StudyAnalysis) -> list[Row]:
    """One row for each dataset size, cost, and range of it in which the same shape is taken."""
    return [
        {"n_examples": known(one.n_examples), "cost": cost, **_span_row(span)}
        for one in analysis.shapes
        for cost, spans in (
            (analysis.settings.size, one.spans),
            *((cost.cost, cost.spans) for cost in one.costs),
        )
        for span in spans
    ]


def _span_row(span: Span) -> Row:
    nearest = min(span.others, key=lambda other: other.more.value, default=None)
    more = Estimate(value=math.nan, low=math.nan, high=math.nan)
    more = more if nearest is None else nearest.more
    return {
        "low": span.low,
        "high": span.high,
        "shape": span.shape,
        "standing": span.standing,
        "probability": span.probability,
        "next_shape": "" if nearest is None else nearest.shape,
        "next_more": more.value,
        "next_more_low": more.low,
        "next_more_high": more.high,
        "level": more.level,
    }


def budget_rows(analysis: StudyAnalysis) -> list[Row]:
    """One row for each dataset size and budget: the network to take."""
    rows = []
    for one in analysis.shapes:
        for budget in one.budgets:
            error = shown_estimate(budget.error, analysis.settings)
            rows.append(
                {
                    "n_examples": known(one.n_examples),
                    "cost": budget.cost,
                    "most": _clean(budget.most),
                    "cell": budget.cell,
                    "network": network_name(one, budget, analysis.settings),
                    "shape": budget.shape,
                    "size": _clean(budget.size),
                    "value": _clean(budget.value),
                    "error": error.value,
                    "error_low": error.low,
                    "error_high": error.high,
                    "level": error.level,
                }
            )
    return rows


def growth_rows(analysis: StudyAnalysis) -> list[Row]:
    """One row for each dataset size and range of sizes from which the same way is the better."""
    rows = []
    for one in analysis.shapes:
        for growth in one.growths:
            row: Row = {"n_examples": known(one.n_examples)} | {
                k: v for k, v in asdict(growth).items() if k not in ("keep", "change")
            }
            change = growth.change or Estimate(value=math.nan, low=math.nan, high=math.nan)
            for name, gain in (("keep", growth.keep), ("change", change)):
                row |= {f"{name}_{k}": getattr(gain, k) for k in ("value", "low", "high")}
            rows.append(row | {"level": growth.keep.level})
    return rows


def step_rows(analysis: StudyAnalysis) -> list[Row]:
    """One row for each dataset size and step from one network to the next along one axis."""
    rows = []
    for one in analysis.shapes:
        names = networks(analysis, one)
        for step in one.steps:
            row: Row = {"n_examples": known(one.n_examples), "start": step.start}
            row["network"] = names.get(step.start) or _named(
                step.start, step.shape, step.size, analysis.settings
            )
            row |= {k: getattr(step, k) for k in ("size", "shape", "axis", "now", "to", "factor")}
            along = step.along or Estimate(value=math.nan, low=math.nan, high=math.nan)
            for name, saved in (("saves", step.saves), ("along", along)):
                row |= {name: saved.value, f"{name}_low": saved.low, f"{name}_high": saved.high}
            rows.append(row | {"better": step.better, "level": step.saves.level})
    return rows


def shape_metrics(analysis: StudyAnalysis) -> dict[float, dict[str, float]]:
    """Dataset size -> numbers worth comparing: the shape taken at the largest size compared.

    ``best_depth`` and its like, for each axis of numbers, and the probability of what is said.
    """
    found: dict[float, dict[str, float]] = {}
    for one in analysis.shapes:
        fit = next((f for f in analysis.fits if f.curve.n_examples == one.n_examples), None)
        if fit is None or fit.ladders is None or not one.choices:
            continue
        last = one.choices[-1]
        (taken,) = (shape for shape in fit.ladders.shapes if shape.name == last.shape)
        numbers = {
            f"best_{axis}": float(value)
            for axis, value in taken.values
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        numbers["best_shape_probability"] = last.probability
        numbers["best_shape_told"] = float(last.standing == "best")
        found[one.n_examples] = numbers
    return found


def network_name(one: ShapeStudy, budget: Budget, s: AnalysisSettings) -> str:
    """A network by its axes: ``width 48, depth 1``; else by its shape and size, or its own name."""
    if not one.grown_by or not math.isfinite(budget.grown):
        return _named(budget.cell, budget.shape, budget.size, s)
    return f"{one.grown_by} {budget.grown:g}, {budget.shape}"


def _named(cell: str, shape: str, size: float, s: AnalysisSettings) -> str:
    """A network without a known axis to grow by: ``n_layers 2, 1,000 n_parameters``.

    A name that the table gives its cell is kept; one that says no more than the size is not.
    """
    if cell != unnamed(s.size, size):
        return cell
    return f"{shape}, {_amount(size, s)}"


def _amount(size: float, s: AnalysisSettings) -> str:
    """A size with what it counts, in the words of the table."""
    name = plain_name(s.size_name)
    if s.size_name == s.size and in_unit(size, s.size)[1]:
        return f"{format_quantity(size, s.size)} ({name})"
    return f"{size:,.0f} {name}" if size >= 99.95 else f"{format_size(size)} {name}"


def _clean(value: float) -> float:
    """A number without the last digits that means of logarithms leave."""
    return float(f"{value:.12g}")


def networks(analysis: StudyAnalysis, one: ShapeStudy) -> dict[str, str]:
    """Cell -> its axes, of one dataset size; empty where they are not known."""
    fit = next((f for f in analysis.fits if f.curve.n_examples == one.n_examples), None)
    if fit is None or fit.curve.grown is None:
        return {}
    curve, grown = fit.curve, fit.curve.grown
    return {
        cell: f"{one.grown_by} {grown[k]:g}, {curve.shapes[curve.shape[k]].name}"
        for k, cell in enumerate(curve.cell)
    }


def shown_estimate(error: Estimate, s: AnalysisSettings) -> Estimate:
    """An error as people are shown it: itself, or the value that it is of."""
    value, *ends = s.scale.shown(np.array([error.value, error.low, error.high])).tolist()
    return Estimate(value=value, low=min(ends), high=max(ends), level=error.level)
