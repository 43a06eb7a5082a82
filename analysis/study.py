"""The whole study: a curve and payoff points for each dataset size, and one plain sentence."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.curves.curve import build_curves
from analysis.errors import AnalysisError
from analysis.routes.comparison import RouteStudy, routes_json, study_routes
from analysis.routes.fronts import MaskCost, ParetoFront, mask_costs, pareto_fronts, pareto_rows
from analysis.routes.laws import RouteLaw, law_rows, study_laws
from analysis.routes.pruning import PruneLadder, prune_ladders
from analysis.routes.teachers import Distilled, student_rows, study_teachers, teacher_rows
from analysis.settings import AnalysisSettings
from analysis.table.trials import UNKNOWN, Dropped, TrialTable
from analysis.tuning.regularisation import (
    Regularisation,
    regularisation_rows,
    shift_rows,
    study_regularisation,
)
from analysis.tuning.sensitivity import Tuning, study_tuning
from analysis.verdicts.curve_fit import CurveFit, fit_points
from analysis.verdicts.decide import PayoffPoint
from analysis.verdicts.growth import Growth, measure_growth
from analysis.words.remarks import remarks
from analysis.words.study import markdown, sentence, table_row


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyAnalysis:
    """All that an analysis found, with the settings it was told."""

    settings: AnalysisSettings
    fits: tuple[CurveFit, ...]
    """One for each dataset size, smallest first."""
    ladders: tuple[PruneLadder, ...]
    growth: Growth | None
    """None where fewer than three dataset sizes have a payoff point inside the range."""
    tuning: Tuning | None
    """What the search trials say of the tuning; None where there is no search trial."""
    n_trials: int
    dropped: tuple[Dropped, ...]
    """Rows of the table that broke its schema."""
    routes: tuple[RouteStudy, ...] = ()
    """Routes to a small model compared: one for each dataset size that has more than one."""
    laws: tuple[RouteLaw, ...] = ()
    """The pruning and the distillation law, with what they predicted of hidden points."""
    distilled: Distilled | None = None
    """Students against models trained alone, and by the size of their teacher."""
    regularisation: tuple[Regularisation, ...] = ()
    """What each regulariser that was made an axis is worth."""
    fronts: tuple[ParetoFront, ...] = ()
    """Error against each cost, where models differ in more than their number of weights."""
    masks: tuple[MaskCost, ...] = ()
    """What masks alone do to time and FLOPs."""
    remarks: tuple[str, ...] = ()
    """What to know of how networks were made, in words."""

    @property
    def sentence(self) -> str:
        """The answer in one plain sentence."""
        return sentence(self)

    def markdown(self) -> str:
        """Verdict, table of payoff points, and what was left out."""
        return markdown(self)

    @property
    def counts(self) -> dict[str, int]:
        """Reason -> trials that do not draw a curve (over all dataset sizes)."""
        counts: dict[str, int] = {}
        for fit in self.fits:
            for exclusion in fit.curve.excluded:
                counts[exclusion.reason] = counts.get(exclusion.reason, 0) + exclusion.count
        for drop in self.dropped:
            counts[f"rows that broke the table's rules ({drop.reason})"] = drop.count
        return counts

    @property
    def undertrained(self) -> int:
        """Runs on the curves that were still improving at their last step."""
        return sum(fit.curve.undertrained for fit in self.fits)

    def rows(self) -> list[dict[str, str]]:
        """The payoff table for people: one row for each dataset size and rule, as words."""
        return [table_row(self.settings, fit, point) for fit in self.fits for point in fit.payoffs]

    def numbers(self) -> list[dict[str, Any]]:
        """The payoff table for programs: one row for each dataset size and rule."""
        return [_row(fit, point) for fit in self.fits for point in fit.payoffs]

    def metrics(self) -> dict[str, float]:
        """Numbers worth comparing between studies: payoff points, their intervals, counts."""
        found = {"trials": float(self.n_trials), "undertrained": float(self.undertrained)}
        for row in self.numbers():
            n = "" if row["n_examples"] is None else f"_n{row['n_examples']}"
            if row["verdict"] in ("pays_off_until", "hurts_beyond"):
                for part in ("size", "low", "high", "error_at_size"):
                    if math.isfinite(row[part]):
                        found[f"{row['rule']}{n}_{part}"] = float(row[part])
        for routes in self.routes:
            n = "" if routes.n_examples == UNKNOWN else f"_n{routes.n_examples}"
            for saving in routes.savings:
                if math.isfinite(saving.ratio):
                    found[f"times_smaller_{_word(saving.route)}{n}"] = saving.ratio
        return found

    def to_json(self) -> dict[str, Any]:
        """Everything but the drawn curves, as values that JSON knows; what is unknown is None."""
        whole = {
            "sentence": self.sentence,
            "settings": self.settings.as_dict(),
            "n_trials": self.n_trials,
            "excluded": self.counts,
            "undertrained": self.undertrained,
            "remarks": self.remarks,
            "curves": [_curve(fit) for fit in self.fits],
            "payoff": self.numbers(),
            "growth": None if self.growth is None else self.growth.as_dict(),
            "prune": [asdict(ladder) for ladder in self.ladders],
            **routes_json(self.routes),
            "laws": law_rows(self.laws),
            "students": student_rows(self.distilled),
            "teachers": teacher_rows(self.distilled),
            "regularisation": regularisation_rows(self.regularisation),
            "regularisation_by_data": shift_rows(self.regularisation),
            "pareto": pareto_rows(self.fronts),
            "masks": [asdict(mask) for mask in self.masks],
            "tuning": None if self.tuning is None else self.tuning.as_dict(),
        }
        plain: dict[str, Any] = _plain(whole)
        return plain


def analyse(table: TrialTable, settings: AnalysisSettings | None = None) -> StudyAnalysis:
    """Analyse a trial table: curves, laws, payoff points, prune ladders.

    Parameters
    ----------
    table : TrialTable
        Trials of one study.
    settings : AnalysisSettings, optional
        The defaults if not given.

    Raises
    ------
    AnalysisError
        If the table has no trial, or no value of the size or the error.
    """
    settings = settings or AnalysisSettings()
    if not len(table):
        reasons = "; ".join(f"{d.count} x {d.reason}" for d in table.dropped)
        raise AnalysisError(
            "table: holds no usable trial" + (f" ({reasons})" if reasons else "; run some first")
        )
    fits = tuple(fit_points(curve, settings) for curve in build_curves(table, settings))
    return StudyAnalysis(
        settings=settings,
        fits=fits,
        ladders=prune_ladders(table, settings),
        growth=measure_growth(fits, settings),
        tuning=study_tuning(table, settings),
        n_trials=len(table),
        dropped=table.dropped,
        routes=study_routes(table, settings, fits),
        laws=study_laws(table, settings),
        distilled=study_teachers(table, settings),
        regularisation=study_regularisation(table, settings),
        fronts=pareto_fronts(table, settings),
        masks=mask_costs(table, settings),
        remarks=remarks(table),
    )


def _word(name: str) -> str:
    """A name as a part of a metric's name."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _row(fit: CurveFit, point: PayoffPoint) -> dict[str, Any]:
    n = fit.curve.n_examples
    error = math.nan
    if fit.draws is not None and math.isfinite(point.size):
        error = float(fit.predict(point.size))
    return {
        "n_examples": None if n == UNKNOWN else n,
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
        "why": point.why,
        "next_step": point.next_step,
    }


def _curve(fit: CurveFit) -> dict[str, Any]:
    curve = fit.curve
    n = curve.n_examples
    return {
        "n_examples": None if n == UNKNOWN else n,
        "law": fit.law,
        "exponent": None if fit.draws is None else fit.draws.exponent,
        "departure_probability": None if fit.draws is None else fit.draws.departure,
        "replicate_spread_degrees": fit.noise.degrees,
        "points": [
            {"cell": cell, "size": float(m), "error": float(e), "replicates": int(r)}
            for cell, m, e, r in zip(
                curve.cell, curve.size, curve.error, curve.replicates, strict=True
            )
        ],
        "excluded": {exclusion.reason: exclusion.count for exclusion in curve.excluded},
        "undertrained": curve.undertrained,
    }


def _plain(value: Any) -> Any:
    """Values that JSON knows: no tuples, no NumPy numbers, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


__all__ = ["AnalysisSettings", "Growth", "StudyAnalysis", "analyse"]
