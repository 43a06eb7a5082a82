"""What was found as rows for programs: JSON and CSV read these, and the report's tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.findings import Finding
from analysis.routes.comparison import RouteStudy
from analysis.routes.laws import RouteLaw
from analysis.routes.pruning import PruneLadder
from analysis.table.trials import known
from analysis.tuning.best_values import BestValue
from analysis.tuning.regularisation import Regularisation
from analysis.tuning.sensitivity import THIRDS, Tuning
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import PayoffPoint
from analysis.words.counts import excluded
from analysis.words.kinds import tell
from analysis.words.reasons import what_next, why
from analysis.words.routes import not_fitted
from analysis.words.tuning import SEEN

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

Row = dict[str, Any]


def plain(value: Any) -> Any:
    """Values that JSON knows: no tuples, no NumPy numbers, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def finding_row(finding: Finding[Any]) -> Row:
    """A finding with its numbers and its words; what it does not have is left out."""
    names = ("kind", "place", "n_examples", "about", "size", "estimate", "probability", "why",
             "next_step", "facts")  # fmt: skip
    row = {name: _numbers(getattr(finding, name)) for name in names}
    return {"words": f"{tell(finding).whole}."} | {k: v for k, v in row.items() if _some(v)}


def _numbers(facts: Any) -> Any:
    """Facts as plain values, without arrays and without the fields that are empty."""
    if isinstance(facts, tuple):
        return [_numbers(item) for item in facts]
    if not is_dataclass(facts):
        return facts
    row = {f.name: _numbers(getattr(facts, f.name)) for f in fields(facts)}
    return {name: value for name, value in row.items() if _some(value)}


def _some(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and value not in (None, "", {}, [])


def _row(facts: Any) -> Row:
    """Facts of one dataset size as they are; None for one that is not known."""
    return asdict(facts) | {"n_examples": known(facts.n_examples)}


def point_row(fit: FittedCurve, point: PayoffPoint) -> Row:
    """One payoff point."""
    error = math.nan
    if fit.draws is not None and math.isfinite(point.size):
        error = float(fit.predict(point.size))
    return {
        "n_examples": known(fit.curve.n_examples),
        "rule": point.rule,
        "parameter": point.parameter,
        "verdict": point.kind,
        "size": point.size,
        "low": point.low,
        "high": point.high,
        "low_open": point.low_open,
        "high_open": point.high_open,
        "level": point.level,
        "probability": point.probability,
        "error_at_size": error,
        "rise": point.rise,
        "peak": point.peak,
        "falls_again": point.falls_again,
        "why": why(point.why),
        "next_step": what_next(point.next_step),
    }


def curve_row(fit: FittedCurve) -> Row:
    """One curve with its points and what does not draw it."""
    curve = fit.curve
    return {
        "n_examples": known(curve.n_examples),
        "law": fit.law,
        "exponent": None if fit.draws is None else fit.draws.exponent,
        "shapes": [] if fit.draws is None else [asdict(one) for one in fit.draws.carriers],
        "departure_probability": None if fit.draws is None else fit.draws.departure,
        "replicate_spread_degrees": fit.noise.degrees,
        "points": [
            {"cell": cell, "size": float(m), "error": float(e), "replicates": int(r)}
            for cell, m, e, r in zip(
                curve.cell, curve.size, fit.shown(curve.error), curve.replicates, strict=True
            )
        ],
        "excluded": {excluded(one): one.count for one in curve.excluded},
        "undertrained": curve.undertrained,
    }


def routes_rows(studies: Sequence[RouteStudy]) -> list[Row]:
    """One row for each dataset size and route: its range, payoff point, and size saved."""
    rows = []
    for study in studies:
        for curve, saving in study.told:
            point = curve.fit.verdict
            size = curve.fit.curve.size
            rows.append(
                {
                    "n_examples": known(study.n_examples),
                    "route": curve.route,
                    "method": curve.method,
                    "size": study.size,
                    "cells": len(size),
                    "runs": int(curve.fit.curve.replicates.sum()),
                    "smallest": float(size[0]) if len(size) else math.nan,
                    "largest": float(size[-1]) if len(size) else math.nan,
                    "rule": point.rule,
                    "verdict": point.kind,
                    "payoff": point.size,
                    "payoff_low": point.low,
                    "payoff_high": point.high,
                    "times_smaller": math.nan if saving is None else saving.ratio,
                    "times_smaller_low": math.nan if saving is None else saving.low,
                    "times_smaller_high": math.nan if saving is None else saving.high,
                    "level": point.level,
                    "why": why(saving.why if saving is not None and saving.why else point.why),
                }
            )
    return rows


def crossing_rows(studies: Sequence[RouteStudy]) -> list[Row]:
    """One row for each dataset size and pair of routes."""
    return [
        _row(crossing) | {"why": why(crossing.why), "next_step": what_next(crossing.next_step)}
        for study in studies
        for crossing in study.crossings
    ]


def saving_rows(studies: Sequence[RouteStudy]) -> list[Row]:
    """One row for each dataset size, route and level of error."""
    return [
        {
            "n_examples": known(study.n_examples),
            "route": saving.route,
            "base": saving.base,
            **asdict(step),
            "level": saving.level,
        }
        for study in studies
        for saving in study.savings
        for step in saving.steps
    ]


def law_rows(laws: Sequence[RouteLaw]) -> list[Row]:
    """One row for each law: parameters, and its scores on hidden points."""
    rows = []
    for law in laws:
        row: Row = {
            "law": law.law,
            "n_examples": known(law.n_examples),
            "method": law.method,
            "points": len(law.points),
            "fit_error": law.fit_error,
        }
        for kind in ("interpolation", "extrapolation"):
            score = law.score(kind)
            row[kind] = math.nan if score is None else score.mean_relative_error
            row[f"{kind}_points"] = 0 if score is None else score.points
            row[f"{kind}_noise"] = math.nan if score is None else score.noise
        row["parameters"] = dict(law.parameters)
        row["why"] = not_fitted(law)
        rows.append(row)
    return rows


def prune_rows(ladders: Sequence[PruneLadder]) -> list[Row]:
    """One row for each prune ratio of each capacity."""
    return [
        {"n_examples": ladder.n_examples, "cell": ladder.cell, "size": ladder.size}
        | {k: v for k, v in asdict(step).items() if k != "standard_error"}
        for ladder in ladders
        for step in ladder.steps
    ]


def shift_rows(found: Sequence[Regularisation]) -> list[Row]:
    """One row for each regulariser and dataset size: mean gain, and the payoff point's shift."""
    rows = []
    for one in found:
        shifts = {shift.n_examples: shift for shift in one.payoff}
        for n, gain in one.by_data:
            shift = asdict(shifts[n]) | {"why": why(shifts[n].why)}
            del shift["n_examples"]
            rows.append(
                {"regulariser": one.regulariser, "n_examples": known(n)}
                | {f"gain_{k}" if k != "gain" else k: v for k, v in asdict(gain).items()}
                | {f"payoff_{k}": v for k, v in shift.items()}
            )
    return rows


def route_json(analysis: StudyAnalysis) -> dict[str, list[Row]]:
    """What is known of routes, costs and regularisers: name -> rows, of one dataset size each."""
    distilled = analysis.distilled
    return {
        "routes": routes_rows(analysis.routes),
        "crossings": crossing_rows(analysis.routes),
        "savings": saving_rows(analysis.routes),
        "laws": law_rows(analysis.laws),
        "students": [_row(gain) for gain in (distilled.gains if distilled else ())],
        "teachers": [
            {"n_examples": known(ladder.n_examples), "size": ladder.size}
            | asdict(step)
            | {"verdict": ladder.verdict}
            for ladder in (distilled.teachers if distilled else ())
            for step in ladder.steps
        ],
        "regularisation": [
            {"regulariser": one.regulariser, **_row(step)}
            for one in analysis.regularisation
            for step in one.steps
        ],
        "regularisation_by_data": shift_rows(analysis.regularisation),
        "pareto": [
            {"n_examples": known(front.n_examples), "cost": front.cost}
            | {("value" if k == "cost" else k): v for k, v in asdict(point).items()}
            for front in analysis.fronts
            for point in front.points
        ],
    }


def tuning_rows(tuning: Tuning) -> list[Row]:
    """One row for each cell, without its curve."""
    return [{k: v for k, v in _row(cell).items() if k != "curve"} for cell in tuning.cells]


def effect_rows(tuning: Tuning) -> list[Row]:
    """One row for each dataset size, capacity and hyperparameter."""
    rows = []
    for effect in tuning.effects:
        row = _row(effect)
        row["edge_low"], row["edge_high"] = row.pop("edges")
        for kind, suffix in (("thirds", ""), ("thirds_low", "_low"), ("thirds_high", "_high")):
            for name, value in zip(THIRDS, row.pop(kind), strict=True):
                row[f"{name}_third{suffix}"] = value
        rows.append(row | {"words": SEEN[effect.seen]})
    return rows


def best_value_rows(found: Sequence[BestValue]) -> list[Row]:
    """One row for each hyperparameter, dataset size and capacity."""
    return [
        {
            "hyperparameter": one.hyperparameter,
            "n_examples": known(place.n_examples),
            "capacity": place.capacity,
            "size": place.size,
            "best": place.best.value,
            "low": place.best.low,
            "high": place.best.high,
            "level": place.best.level,
            "told": place.clear,
            "at_edge": place.at_edge,
            "log_scale": one.log,
            "searched_low": one.low,
            "searched_high": one.high,
        }
        for one in found
        for place in one.places
    ]


def tuning_json(tuning: Tuning) -> Row:
    """The tuning whole."""
    return {
        "cells": [asdict(cell) for cell in tuning.cells],
        "effects": [asdict(effect) | {"words": SEEN[effect.seen]} for effect in tuning.effects],
    }
