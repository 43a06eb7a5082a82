"""The whole study: a curve and payoff points for each dataset size, and one plain sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from analysis.curves.curve import build_curves
from analysis.errors import AnalysisError
from analysis.findings import Finding, Kind
from analysis.fitted import CurveFit
from analysis.metric import Metric, MetricKind
from analysis.routes.comparison import RouteStudy, study_routes
from analysis.routes.findings import (
    distillation_findings,
    law_findings,
    making_findings,
    mask_findings,
    prune_findings,
    route_findings,
)
from analysis.routes.fronts import MaskCost, ParetoFront, mask_costs, pareto_fronts
from analysis.routes.laws import RouteLaw, study_laws
from analysis.routes.pruning import PruneLadder, prune_ladders
from analysis.routes.teachers import Distilled, study_teachers
from analysis.settings import AnalysisSettings
from analysis.shapes.findings import shape_findings
from analysis.shapes.study import ShapeStudy, study_shapes
from analysis.table.account import Account
from analysis.table.metrics import measured_errors
from analysis.table.trials import UNKNOWN, Dropped, TrialTable
from analysis.tuning.best_values import BestValue, best_value_findings, study_best_values
from analysis.tuning.findings import regulariser_findings, tuning_findings
from analysis.tuning.longer import Longer, longer_findings, study_longer
from analysis.tuning.regularisation import Regularisation, study_regularisation
from analysis.tuning.sensitivity import Tuning, study_tuning
from analysis.verdicts.findings import (
    carried,
    exclusions,
    headline,
    interleaved,
    payoff_finding,
)
from analysis.verdicts.growth import Growth, measure_growth
from analysis.words import rows
from analysis.words.kinds import tell
from analysis.words.shape_rows import shape_json, shape_metrics
from analysis.words.study import markdown, table_row


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
    best_values: tuple[BestValue, ...] = ()
    """The best value of each hyperparameter that was searched, and what a wrong one costs."""
    fronts: tuple[ParetoFront, ...] = ()
    """Error against each cost, where models differ in more than their number of weights."""
    masks: tuple[MaskCost, ...] = ()
    """What masks alone do to time and FLOPs."""
    interleaved: tuple[Finding[Any], ...] = ()
    """Curves whose points lie on two, in tables that don't say how a size is made."""
    made: tuple[Finding[Any], ...] = ()
    """What to know of how networks were made."""
    shapes: tuple[ShapeStudy, ...] = ()
    """Width or depth: one for each dataset size at which shapes can be compared."""
    longer: tuple[Longer, ...] = ()
    """What twice the training would do, where some networks were trained so."""
    endings_told: bool = False
    """Whether the table says of runs that they were still improving at their last step, or not."""
    can_train_longer: bool = False
    """Whether the trials are those of a study file that trains its networks itself, and has none
    that were trained longer."""
    reading: Account | None = None
    """What was done to the table that the trials were read from; None where it was none."""

    @cached_property
    def findings(self) -> tuple[Finding[Any], ...]:
        """All that was found, in the order in which it is told: the headline first."""
        s = self.settings
        growth = [] if self.growth is None else [self.growth]
        return (
            headline(self.fits, s),
            *self.interleaved,  # first among the notes: it explains what cannot be told
            *(payoff_finding(fit, point) for fit in self.fits for point in fit.payoffs),
            *(Finding(kind="growth", facts=g, about=s.rule, size=s.size_name) for g in growth),
            *carried(self.fits),
            *shape_findings(self.shapes, self.fits, s),
            *tuning_findings(self.tuning),
            *best_value_findings(self.best_values),
            *longer_findings(self.longer, s.size_name),
            *prune_findings(self.ladders, s.size_name),
            *route_findings(self.routes),
            *distillation_findings(self.distilled),
            *law_findings(self.laws),
            *regulariser_findings(self.regularisation),
            *mask_findings(self.masks),
            *self.made,
            *exclusions(self.fits, self.dropped, can_tell=self.can_train_longer),
        )

    def found(self, *kinds: Kind) -> list[Finding[Any]]:
        """The findings of some kinds."""
        return [finding for finding in self.findings if finding.kind in kinds]

    @property
    def sentence(self) -> str:
        """The answer in one plain sentence."""
        return f"{tell(self.findings[0]).whole}."

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know of how networks were made, in words."""
        return tuple(tell(finding).whole for finding in self.made)

    def markdown(self) -> str:
        """Verdict, table of payoff points, and what was left out."""
        return markdown(self)

    @property
    def counts(self) -> dict[str, int]:
        """Reason -> trials that do not draw a curve (over all dataset sizes)."""
        return {tell(one).text: one.facts.count for one in self.found("left_out")}

    @property
    def undertrained(self) -> int:
        """Runs on the curves that were still improving at their last step."""
        return sum(fit.curve.undertrained for fit in self.fits)

    def rows(self) -> list[dict[str, str]]:
        """The payoff table for people: one row for each dataset size and rule, as words."""
        return [table_row(fit, point) for fit in self.fits for point in fit.payoffs]

    def numbers(self) -> list[dict[str, Any]]:
        """The payoff table for programs: one row for each dataset size and rule."""
        return [rows.point_row(fit, point) for fit in self.fits for point in fit.payoffs]

    def metrics(self) -> dict[str, float]:
        """Numbers worth comparing between studies: payoff points, their intervals, counts."""
        found = {"trials": float(self.n_trials), "undertrained": float(self.undertrained)}
        for row in self.numbers():
            n = "" if row["n_examples"] is None else f"_n{row['n_examples']}"
            if row["verdict"] in ("pays_off_until", "hurts_beyond"):
                for part in ("size", "low", "high", "error_at_size"):
                    if math.isfinite(row[part]):
                        found[f"{row['rule']}{n}_{part}"] = float(row[part])
        for n_examples, numbers in shape_metrics(self).items():
            n = "" if n_examples == UNKNOWN else f"_n{n_examples}"
            found |= {f"{name}{n}": value for name, value in numbers.items()}
        for routes in self.routes:
            n = "" if routes.n_examples == UNKNOWN else f"_n{routes.n_examples}"
            for saving in routes.savings:
                if math.isfinite(saving.ratio):
                    route = re.sub(r"[^a-z0-9]+", "_", saving.route.lower()).strip("_")
                    found[f"times_smaller_{route}{n}"] = saving.ratio
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
            "curves": [rows.curve_row(fit) for fit in self.fits],
            "payoff": self.numbers(),
            "growth": None if self.growth is None else self.growth.as_dict(),
            "prune": [asdict(ladder) for ladder in self.ladders],
            **rows.route_json(self),
            "masks": [
                {k: v for k, v in asdict(mask).items() if k != "level"} for mask in self.masks
            ],
            "tuning": None if self.tuning is None else rows.tuning_json(self.tuning),
            "findings": [rows.finding_row(finding) for finding in self.findings],
        }
        if self.shapes:
            whole["shapes"] = shape_json(self)
        if self.best_values:
            whole["best_values"] = rows.best_value_rows(self.best_values)
        if self.reading is not None:
            whole["reading"] = self.reading.as_dict()
        plain: dict[str, Any] = rows.plain(whole)
        return plain


# Where data leave nearly anything possible, some curves lie beyond all numbers: they are infinite.
@np.errstate(over="ignore")
def analyse(
    table: TrialTable,
    settings: AnalysisSettings | None = None,
    *,
    better: Literal["", "lower", "higher"] = "",
    metric: MetricKind | None = None,
) -> StudyAnalysis:
    """Analyse a trial table: curves, laws, payoff points, prune ladders.

    Parameters
    ----------
    table : TrialTable
        Trials of one study. A shape that it was read with counts where the settings name none.
    settings : AnalysisSettings, optional
        The defaults if not given.
    better : {"lower", "higher"}, optional
        Which way the column of errors improves, where that is in question.
    metric : str, optional
        What it is, if no plain error and the settings don't say so: ``"nats"``, ``"bits"``,
        ``"perplexity"``, ``"own"``.

    Raises
    ------
    Question
        If the errors rise all along the sizes, and ``better`` is not said.
    AnalysisError
        If it is no trial table, has no trial, or no value of the size or the error.
    """
    table, settings = asked(table, settings, better, metric or "")
    fits = tuple(CurveFit.of(curve, settings) for curve in build_curves(table, settings))
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
        # Validation errors are taken as they stand: those of scores and losses are none.
        best_values=study_best_values(table, settings)
        if settings.scale == Metric(name=settings.scale.name)
        else (),
        longer=study_longer(table, fits, settings),
        endings_told=bool(table.still_improving.any())
        or (any(table.slot) and "custom" not in table.route),
        can_train_longer=any(table.slot)
        and "custom" not in table.route
        and "longer" not in table.phase,
        fronts=pareto_fronts(table, settings),
        masks=mask_costs(table, settings),
        # A study's own cells say how they are made.
        interleaved=() if any(table.slot) or any(table.cell) else tuple(interleaved(fits)),
        made=tuple(making_findings(table)),
        shapes=study_shapes(table, fits, settings),
    )


def fit_curves(
    table: TrialTable, settings: AnalysisSettings, known: Sequence[CurveFit] = ()
) -> tuple[CurveFit, ...]:
    """Fit the curve of each dataset size as :func:`analyse` does, and nothing else.

    ``known`` are earlier fits: one whose replicates are still all that there are stays.
    """
    table, settings = asked(table, settings, "", "")
    before = {fit.curve.n_examples: fit for fit in known if fit.settings == settings}
    found = []
    for curve in build_curves(table, settings):
        fit = before.get(curve.n_examples)
        same = fit is not None and fit.curve.same_runs(curve)
        found.append(fit if fit is not None and same else CurveFit.of(curve, settings))
    return tuple(found)


def asked(
    table: TrialTable, settings: AnalysisSettings | None, better: str, metric: str
) -> tuple[TrialTable, AnalysisSettings]:
    """Return a table that holds errors, and the settings that know what they are of."""
    settings = settings or AnalysisSettings()
    _require_table(table)
    if not settings.shape:
        settings = replace(settings, shape=table.shape)
    if not len(table):
        reasons = "; ".join(f"{d.count} x {d.reason}" for d in table.dropped)
        raise AnalysisError(
            "table: holds no usable trial" + (f" ({reasons})" if reasons else "; run some first")
        )
    return _measured(table, settings, better, metric)


def _require_table(table: object) -> None:
    """Raise AnalysisError unless that is a trial table."""
    if isinstance(table, TrialTable):
        return
    what = f"a {type(table).__name__}"
    raise AnalysisError(
        f"table: must be a payoff.TrialTable, got {what}; read it with payoff.read_table, which "
        "takes the path of a file or a DataFrame"
    )


def _measured(
    table: TrialTable, settings: AnalysisSettings, better: str, metric: str
) -> tuple[TrialTable, AnalysisSettings]:
    """The table with errors in it, and the settings that know what they are of."""
    if table.metric is not None:
        if settings.measured is None:
            settings = settings.measuring(table.metric)
        return table, settings
    asked = better or metric or settings.metric != "error"
    if not asked and any(table.slot):
        return table, settings  # of a study of ours, whose trainer returns errors
    drawing = [
        phase == "replicate" and status == "complete"
        for phase, status in zip(table.phase, table.status, strict=True)
    ]
    size = np.where(drawing, table.column(settings.size), math.nan)
    errors, found = measured_errors(
        table.column(settings.error).tolist(), size.tolist(), settings, name=settings.error_name,
        better=better, metric=metric, groups=table.n_examples.astype(np.float64),
    )  # fmt: skip
    if found is None:
        return table, settings
    changed = table.with_columns(**{settings.error: errors})
    return replace(changed, metric=found), settings.measuring(found)
