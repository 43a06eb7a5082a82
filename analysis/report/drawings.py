"""What the page draws, as plain values: one axis of sizes after the other, then every trial.

The numbers of the verdict are not computed here: they are those of ``analysis.to_json()``, which
the page holds whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from analysis.curves.curve import build_curves
from analysis.errors import AnalysisError
from analysis.export.study import curve_rows
from analysis.fitted import CurveFit
from analysis.plots.size_error import ErrorLine, size_error_info
from analysis.report.checks import HoldOut, hold_out, law_fits, misses
from analysis.report.costs import cost_labels, other_sizes
from analysis.report.shapes import drawn_shapes
from analysis.report.source import LearningCurve
from analysis.routes.comparison import RouteStudy
from analysis.settings import AnalysisSettings
from analysis.study import StudyAnalysis
from analysis.table.columns import names_of
from analysis.table.fields import Cost
from analysis.table.names import plain_name
from analysis.table.trials import PHASES, STATUSES, UNKNOWN, FloatArray, TrialTable, exact, known
from analysis.verdicts.curve_fit import FittedCurve
from analysis.words.reasons import why
from analysis.words.rows import plain, point_row
from analysis.words.told import capital
from analysis.words.tuning import MORE_PAYS
from analysis.words.verdicts import counted_in, mark, rule_name

OTHER_AXES = (
    "n_parameters", "flops_per_example", "latency_seconds", "train_flops", "energy_joules",
    "peak_memory_bytes", "train_seconds",
)  # fmt: skip
"""Sizes that a reader may switch to before all others, where the trials have them and they say
something else."""

MOST_AXES = 6


def drawings(
    analysis: StudyAnalysis, table: TrialTable, learning: Sequence[LearningCurve]
) -> dict[str, Any]:
    """Everything that the page's scripts draw, as values that JSON knows."""
    s = analysis.settings
    axes = [_axis(analysis, table, lead=True)]
    for name in _other_axes(analysis, table):
        other = _refit(table, s, name)
        if other is not None:
            axes.append(_axis(other, table, lead=False))
    growth = analysis.growth
    whole = {
        "level": s.level,
        "error": plain_name(s.error_name),
        "percent": any(fit.curve.correct is not None for fit in analysis.fits),
        **({"linear": True} if s.scale.additive and s.scale.kind != "perplexity" else {}),
        "chance": s.chance_error,
        "rules": [[p.rule, rule_name(p, s)] for p in analysis.fits[0].payoffs],
        "axes": axes,
        "residuals": [{"n": _n(fit), "cells": misses(fit)} for fit in analysis.fits],
        "holdout": [_held_out(hold_out(fit, s.level)) for fit in analysis.fits],
        "growth": None if growth is None else growth.as_dict() | {"line": _growth_line(analysis)},
        "more_pays": [MORE_PAYS[pays] for pays in (False, True)],
        "costs": cost_labels(analysis),
        **({"shapes": drawn_shapes(analysis, table)} if analysis.shapes else {}),
        "routes": [_routes(study) for study in analysis.routes],
        "learning": _learning(table, learning),
        "trials": trial_columns(table, [axis["name"] for axis in axes]),
    }
    values: dict[str, Any] = plain(whole)
    return values


def _held_out(held: HoldOut) -> dict[str, Any]:
    return asdict(held) | {"why": why(held.why), "n": known(held.n_examples)}


def _n(fit: FittedCurve) -> float | None:
    return known(fit.curve.n_examples)


def _other_axes(analysis: StudyAnalysis, table: TrialTable) -> list[str]:
    """Sizes beside the headline's that would draw another picture."""
    rows = np.concatenate([fit.curve.run_row for fit in analysis.fits])
    offered = (*OTHER_AXES, *names_of(Cost))
    return other_sizes(table, rows, analysis.settings.size, offered, MOST_AXES)


def _refit(table: TrialTable, s: AnalysisSettings, size: str) -> StudyAnalysis | None:
    """The curves over another size; rules that have a price for a unit of size are left out."""
    rule = "marginal" if s.rule == "economic" else s.rule
    settings = replace(s, size=size, size_label="", price=None, rule=rule, include_pruned=False)
    try:
        fits = tuple(CurveFit.of(curve, settings) for curve in build_curves(table, settings))
    except AnalysisError:
        return None
    return StudyAnalysis(
        settings=settings,
        fits=fits,
        ladders=(),
        growth=None,
        tuning=None,
        n_trials=len(table),
        dropped=(),
    )


def _axis(analysis: StudyAnalysis, table: TrialTable, *, lead: bool) -> dict[str, Any]:
    """One axis of sizes: curves with bands, cells, runs, payoff points, laws, other routes."""
    s = analysis.settings
    bands: dict[float | None, list[list[float]]] = {}
    for row in curve_rows(analysis):
        bands.setdefault(row["n_examples"], []).append([row[name] for name in _BANDS])
    label = plain_name(s.size_name)
    label = capital(label) if s.size_name == s.size else label
    info = size_error_info(analysis)
    drawn = iter(info.lines)
    lines = [next(drawn) if len(fit.curve) else None for fit in analysis.fits]
    return {
        "name": s.size,
        "label": label,
        "sentence": analysis.sentence if lead else counted_in(label, analysis.sentence),
        "curves": [
            {
                "n": _n(fit),
                "columns": list(map(list, zip(*bands.get(_n(fit), []), strict=True))),
                "cells": _cells(fit),
                **_ladders(line),
                "runs": [fit.curve.run_row.tolist(), fit.curve.run_cell.tolist()],
                "laws": law_fits(fit, [row[0] for row in bands.get(_n(fit), [])]) if lead else [],
                "marks": [point_row(fit, point) | {"told": mark(point)} for point in fit.payoffs],
            }
            for fit, line in zip(analysis.fits, lines, strict=True)
        ],
        "routes": other_routes(table, s),
        **({"shapes": info.shapes} if info.shapes else {}),
    }


def _ladders(line: ErrorLine | None) -> dict[str, Any]:
    """Which shape each cell has, and the curves of the shapes; nothing where there is none."""
    if line is None or line.shape is None:
        return {}
    return {
        "shape": line.shape.tolist(),
        "ladders": [
            {
                "shape": one.place,
                "columns": [[_short(v) for v in part.tolist()] for part in (one.grid, one.mean)],
            }
            for one in line.ladders
        ],
    }


_BANDS = ("size", "error", "mean_low", "mean_high", "run_low", "run_high")


def _cells(fit: FittedCurve) -> dict[str, list[Any]]:
    curve = fit.curve
    return {
        "name": list(curve.cell),
        "size": curve.size.tolist(),
        "error": fit.shown(curve.error).tolist(),
        "drawn": fit.shown(np.exp(fit.noise.log_error)).tolist(),
        "replicates": curve.replicates.tolist(),
    }


def other_routes(table: TrialTable, s: AnalysisSettings) -> list[dict[str, Any]]:
    """Mean error of the replicates of each model that was not trained at its size."""
    size, error = table.column(s.size), table.column(s.error)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for k in range(len(table)):
        aside = table.route[k] not in ("trained", "custom") or table.prune_ratio[k] > 0.0
        if table.phase[k] == "replicate" and table.status[k] == "complete" and aside:
            route = table.route[k] if table.route[k] != "trained" else "pruned"
            key = (
                route,
                exact(table.n_examples[k]),
                table.cell[k] or f"width={table.width[k]} depth={table.depth[k]}",
                float(table.prune_ratio[k]),
            )
            groups.setdefault(key, []).append(k)
    found = []
    for (route, n, cell, ratio), rows in groups.items():
        usable = [k for k in rows if size[k] > 0.0 and math.isfinite(size[k]) and error[k] > 0.0]
        if usable:
            found.append(
                {
                    "route": route,
                    "n": known(n),
                    "cell": cell,
                    "ratio": ratio,
                    "size": float(np.exp(np.log(size[usable]).mean())),
                    "error": float(error[usable].mean()),
                    "runs": len(usable),
                }
            )
    return found


def _routes(study: RouteStudy) -> dict[str, Any]:
    """The curves of the routes of one dataset size."""
    curves = []
    for route in study.curves:
        fit = route.fit
        columns: list[list[float]] = []
        if fit.draws is not None:
            grid = np.exp(fit.draws.x[: fit.draws.n_inside])
            lines = (grid, fit.predict(grid), *fit.band(grid))
            columns = [[float(f"{value:.6g}") for value in line] for line in lines]
        curves.append({"name": route.name, "columns": columns, "cells": _cells(fit)})
    label = plain_name(study.size)
    return {
        "n": known(study.n_examples),
        "label": capital(label),
        "curves": curves,
    }


def _growth_line(analysis: StudyAnalysis) -> list[list[float]]:
    """The payoff point's power law from the smallest dataset to twice the largest."""
    growth = analysis.growth
    assert growth is not None
    ends = math.log(min(growth.n_examples)), math.log(2 * max(growth.n_examples))
    whole = all(float(n).is_integer() for n in growth.n_examples)
    found = [math.exp(x) for x in np.linspace(*ends, 24)]
    grid = sorted({round(n) if whole else n for n in found} | set(growth.n_examples))
    return [
        [ahead.n_examples, ahead.size, ahead.low, ahead.high]
        for ahead in (growth.forecast(n) for n in grid)
    ]


def _learning(table: TrialTable, learning: Sequence[LearningCurve]) -> list[dict[str, Any]]:
    rows = {slot: k for k, slot in enumerate(table.slot) if slot}
    return [
        {"row": rows[one.slot], "series": {k: list(v) for k, v in one.series.items()}}
        for one in learning
        if one.slot in rows
    ]


def trial_columns(table: TrialTable, sizes: Sequence[str]) -> dict[str, Any]:
    """Every trial, column by column; words as numbers into a list of the words that occur."""
    columns: dict[str, Any] = {"trial": table.trial.tolist()}
    coded: dict[str, Sequence[str]] = {
        "cell": table.cell,
        "phase": table.phase,
        "status": table.status,
        "route": table.route,
        "reason": table.reason,
    }
    first = {"phase": PHASES, "status": STATUSES}
    words: dict[str, list[str]] = {}
    for name, column in coded.items():
        known = list(dict.fromkeys([*first.get(name, ()), *column]))
        place = {word: k for k, word in enumerate(known)}
        words[name] = known
        columns[name] = [place[word] for word in column]
    for name in ("n_examples", "draw", "seed", "width", "depth"):
        values = getattr(table, name)
        if (values != UNKNOWN).any():
            columns[name] = [None if v == UNKNOWN else int(v) for v in values]
    for name in ("prune_ratio", *sizes, "val_error", "test_error", "wall_seconds"):
        numbers: FloatArray = table.column(name)
        if table.metric is not None and name.endswith("_error"):
            numbers = table.metric.shown(np.where(numbers > 0.0, numbers, np.nan))
        if np.isfinite(numbers).any() and not (name == "prune_ratio" and not numbers.any()):
            short = name in ("wall_seconds", "prune_ratio")
            columns[name] = [_short(v) if short else _whole(v) for v in numbers.tolist()]
    params: dict[str, list[Any]] = {
        name: [_short(v) if isinstance(v, float) else v for v in values]
        for name, values in table.params.items()
        if name not in columns and len(set(values)) > 1
    }
    return {"columns": columns, "words": words, "params": params}


def _short(value: float) -> float | int:
    return _whole(float(f"{value:.6g}"))


def _whole(value: float) -> float | int:
    """A whole number without its point, which is most of what a file of them holds."""
    return int(value) if math.isfinite(value) and value == int(value) else value
