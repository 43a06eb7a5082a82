"""Coverage of crossings and of sizes saved, over studies of routes whose truth is known.

Training follows a power law with a floor. Pruning a large model is a shallower curve that meets it
inside the range (or not); a distilled model is a trained one with its size multiplied by a known
factor. Routes share subset draws and test examples, and a pruned ladder inherits its parent's luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.routes.comparison import study_routes
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray, TrialTable
from benchmarks.simulation.noises import fails
from benchmarks.simulation.truths import LN2

ROUTES = ("trained", "pruned", "distilled")


@dataclass(frozen=True, kw_only=True, eq=False)
class RouteTruth:
    """True curves of three routes."""

    x: FloatArray
    """(K,) log sizes tried on every route."""
    level: float
    """Log of the floor."""
    alpha: float
    bend: float
    """Log size from which training meets its floor."""
    crossing: float
    """Log size at which pruned and trained models are equally good; pruned ones win above it."""
    lean: float
    """By how much the pruned curve gains on the trained one, on the log, for each unit of x."""
    saved: float
    """Log of the factor of size that distillation saves."""

    def log_error(self, route: str, x: FloatArray) -> FloatArray:
        """Log of the mean error of a route at log sizes."""
        at = x + self.saved if route == "distilled" else x
        curve: FloatArray = self.level + np.log1p(np.exp(-self.alpha * (at - self.bend)))
        if route == "pruned":
            return curve - self.lean * (x - self.crossing)
        return curve


def draw_truth(rng: np.random.Generator, *, crosses: bool = True) -> RouteTruth:
    """A truth with its crossing inside the range (or well outside it)."""
    k = int(rng.integers(6, 10))
    x = math.log(10.0) * rng.uniform(2.0, 4.0) + LN2 * rng.uniform(0.9, 1.5) * np.arange(k)
    span = float(x[-1] - x[0])
    place = rng.uniform(0.2, 0.8) if crosses else rng.choice([-0.6, 1.6])
    return RouteTruth(
        x=np.asarray(x, dtype=np.float64),
        level=math.log(10.0 ** rng.uniform(-1.5, -0.8)),
        alpha=rng.uniform(0.3, 0.8),
        bend=float(x[0]) + span * rng.uniform(0.4, 0.9),
        crossing=float(x[0]) + span * float(place),
        lean=rng.uniform(0.05, 0.2),
        saved=rng.uniform(0.0, 0.8),
    )


def simulate_routes(truth: RouteTruth, rng: np.random.Generator) -> TrialTable:
    """A trial table of three routes: 3-5 replicates a cell, in 3 draws or more."""
    replicates = int(rng.integers(3, 6))
    n_test = int(rng.choice([1000, 2000, 5000]))
    seed_spread, draw_spread = rng.uniform(0.015, 0.05), rng.uniform(0.0, 0.03)
    parent_spread = rng.uniform(0.0, 0.04)
    tuning_spread = float(rng.choice([0.0, 0.0, 0.01, 0.02]))
    alike, with_bits = rng.uniform(0.3, 0.8), bool(rng.random() < 0.5)
    difficulty = rng.standard_normal(n_test)
    draws = draw_spread * rng.standard_normal(replicates)
    parents = parent_spread * rng.standard_normal(replicates)
    rows: list[dict[str, object]] = []
    for route in ROUTES:
        tuned = truth.log_error(route, truth.x) + tuning_spread * rng.standard_normal(len(truth.x))
        for z, centre in zip(truth.x, tuned, strict=True):
            for r in range(replicates):
                luck = draws[r] + (parents[r] if route == "pruned" else 0.0)
                mean = math.exp(centre + luck + seed_spread * rng.standard_normal())
                wrong = fails(min(mean, 0.995), difficulty, alike, rng)
                row: dict[str, object] = {
                    "route": route,
                    "n_nonzero": math.exp(z),
                    "n_parameters": math.exp(z),
                    "test_error": float(wrong.mean()),
                    "val_error": mean,
                    "draw": r,
                    "seed": r,
                    "n_examples": 1000,
                    "n_test": n_test,
                }
                if route == "pruned":
                    row |= {
                        "n_parameters": math.exp(truth.x[-1] + 1.0),
                        "prune_ratio": 1.0 - math.exp(z - truth.x[-1] - 1.0),
                        "method": "one-shot-global",
                        "parent": f"parent-{r}",
                    }
                if with_bits:
                    row["test_correct"] = np.packbits(~wrong).tobytes()
                rows.append(row)
    return TrialTable.from_rows(rows)


@dataclass(kw_only=True)
class RouteScore:
    """What came of the intervals over many studies."""

    studies: int = 0
    crossing_covered: int = 0
    """Intervals of the crossing that hold it (that are open, where it lies outside the range)."""
    saving_covered: int = 0
    """Intervals of the size saved by distillation that hold it."""
    named: int = 0
    """Crossings given with confidence, and the right way round."""
    wrong: int = 0
    """Confident and wrong: an order that is not so, or the wrong way round."""


def calibrate_routes(
    studies: int, *, seed: int = 0, crosses: bool = True, settings: AnalysisSettings | None = None
) -> RouteScore:
    """Simulate studies of three routes, compare the routes, and keep score."""
    settings = settings or AnalysisSettings(resamples=1000)
    rng = np.random.default_rng([seed, int(crosses)])
    score = RouteScore()
    for _ in range(studies):
        truth = draw_truth(rng, crosses=crosses)
        (study,) = study_routes(simulate_routes(truth, rng), settings)
        names = {curve.route: curve.name for curve in study.curves}
        crossing = study.crossing(names["trained"], names["pruned"])
        size = math.exp(truth.crossing)
        score.studies += 1
        if crosses:
            above_low = crossing.low <= size or crossing.low_open
            below_high = size <= crossing.high or crossing.high_open
            score.crossing_covered += int(above_low and below_high)
        else:
            score.crossing_covered += int(crossing.low_open or crossing.high_open)
        saving = study.saving(names["distilled"])
        score.saving_covered += int(saving.low <= math.exp(truth.saved) <= saving.high)
        kind = crossing.kind
        if kind == "crosses":
            right = crosses and crossing.better_above == names["pruned"]
        elif kind == "first_better":  # the trained route, throughout
            right = not crosses and truth.crossing > truth.x[-1]
        else:
            right = not crosses and truth.crossing < truth.x[0]
        score.named += int(kind != "cannot_tell" and right)
        score.wrong += int(kind != "cannot_tell" and not right)
    return score


def table(studies: int, *, seed: int = 0) -> str:
    """Return the scores in a line for each place of the crossing."""
    lines = []
    for crosses in (True, False):
        score = calibrate_routes(studies, seed=seed, crosses=crosses)
        where = "inside the range" if crosses else "outside the range"
        lines.append(
            f"crossing {where}: {score.crossing_covered} of {score.studies} intervals hold it; "
            f"{score.named} orders named rightly, {score.wrong} wrongly; "
            f"{score.saving_covered} of {score.studies} intervals of the size saved hold it"
        )
    return "\n".join(lines)
