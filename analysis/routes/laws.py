r"""The pruning and the distillation law, fitted to a study's ladders and students, and held to it.

A law is worth what it predicts. Each is fitted with a part of the points hidden and scored on them:
every third ratio (or size) inside the range for *interpolation*, the hardest fifth for
*extrapolation*. The law fitted to all points is kept, so that runs made afterwards can be compared
with what it said of them (:func:`held_out`).

======== ============================================================= =======
symbol   meaning                                                       shape
======== ============================================================= =======
n        points: ratios of all capacities, or students                 scalar
x        inputs of the law                                             (n, D)
y        mean error of each point                                      (n,)
======== ============================================================= =======

A law of more parameters fits what is shown to it better, and foretells another law's errors: which
parameters are fitted is decided once, from all points, and holds for every fit with some hidden.

The score is the mean of ``|predicted - seen| / seen``. Beside it stands what noise alone would
give: sqrt(2 / pi) times the standard error of the points seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.curves.curve import rows_with
from analysis.findings import NextStep, Reason
from analysis.laws import law_named
from analysis.laws.fitting import fit_law
from analysis.laws.law import Law
from analysis.laws.pruning import Pruning
from analysis.routes.pruning import PruneLadder, prune_ladders
from analysis.settings import AnalysisSettings
from analysis.table.trials import UNKNOWN, BoolArray, FloatArray, TrialTable, exact

SPARE = 2
"""Points beyond the parameters that move which a fit needs."""
LEAST_RATIOS = 3
"""Plateau, place and steepness of the climb are three numbers."""
TUNED_RATIOS = 5
"""Fewer leave the climb no room beside a low end of its own."""
NOISE_MEAN = math.sqrt(2.0 / math.pi)
"""Mean of the absolute value of a standard normal variable."""
SAME_SIZE = 1.02

LawName = Literal["pruning", "distillation"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LawPoints:
    """What a law is fitted to."""

    x: FloatArray
    """(n, D) inputs, in the order of the law's ``inputs``."""
    y: FloatArray
    """(n,) mean error."""
    spread: FloatArray
    """(n,) standard error of y, as a fraction; NaN if unknown."""

    @classmethod
    def of(cls, points: Sequence[tuple[Sequence[float], float, float]]) -> LawPoints:
        """From the inputs (four of them), the error and the spread of each point."""
        columns = np.array([(*x, y, spread) for x, y, spread in points], dtype=np.float64)
        columns = columns.reshape(len(points), 6)
        return cls(x=columns[:, :4].copy(), y=columns[:, 4].copy(), spread=columns[:, 5].copy())

    def __len__(self) -> int:
        return len(self.y)

    def where(self, keep: BoolArray) -> LawPoints:
        """The points for which ``keep`` is true."""
        return LawPoints(x=self.x[keep], y=self.y[keep], spread=self.spread[keep])


@dataclass(frozen=True, kw_only=True)
class LawScore:
    """How well predictions agree with points that the fit did not see."""

    kind: str
    """``"interpolation"``, ``"extrapolation"`` or ``"later runs"``."""
    points: int
    mean_relative_error: float = math.nan
    worst: float = math.nan
    noise: float = math.nan
    """Mean relative error that the noise of the points alone would give; NaN if unknown."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RouteLaw:
    """A law fitted to the models of one route."""

    law: LawName
    n_examples: float
    """-1 where the law spans dataset sizes."""
    method: str
    points: LawPoints
    theta: FloatArray
    """(P,) internal parameters; NaN where there is no fit."""
    parameters: tuple[tuple[str, float], ...]
    """Published parameters by name."""
    fit_error: float
    """Mean relative error on the points fitted: no evidence, only a check."""
    scores: tuple[LawScore, ...]
    why: Reason | None
    """Why there is no fit; None otherwise."""
    next_step: NextStep | None

    @property
    def asked_little(self) -> bool:
        """Whether the study has too few ratios to ask for a law at all."""
        return len(np.unique(self.points.x[:, 0])) < LEAST_RATIOS

    def predict(self, x: FloatArray) -> FloatArray:
        """Errors at inputs of shape (n, D), in the order of the law's ``inputs``."""
        predicted: FloatArray = law_named(self.law).predict(self.theta, np.atleast_2d(x))
        return predicted

    def score(self, kind: str) -> LawScore | None:
        """The score of that kind, if there is one."""
        return next((score for score in self.scores if score.kind == kind), None)


def study_laws(table: TrialTable, s: AnalysisSettings) -> tuple[RouteLaw, ...]:
    """Fit the pruning law to each dataset size and method, and the distillation law to all sizes.

    Empty where nothing was pruned or distilled.
    """
    laws = [
        _fit("pruning", n, method, pruning_points(ladders))
        for (n, method), ladders in _by_method(prune_ladders(table, s)).items()
    ]
    if "distilled" in table.route:
        laws.append(_fit("distillation", UNKNOWN, "", distillation_points(table, s)))
    return tuple(laws)


def held_out(law: RouteLaw, later: TrialTable, s: AnalysisSettings) -> LawScore:
    """Compare what a law said with runs made afterwards.

    ``later`` are the trials of the ratios or sizes that were not run then, with their dense parents
    (or the models trained alone and the teachers); without any the score is of 0 points.
    """
    if law.law == "pruning":
        points = pruning_points(_by_method(prune_ladders(later, s)).get(
            (law.n_examples, law.method), []))  # fmt: skip
    else:
        points = distillation_points(later, s)
    return _score("later runs", law.predict(points.x) if len(points) else points.y, points)


def pruning_points(ladders: Sequence[PruneLadder]) -> LawPoints:
    """Density, depth, width and dense error of every rung; an unknown depth or width counts 1."""
    points = []
    for ladder in ladders:
        shape, dense = (max(ladder.depth, 1), max(ladder.width, 1)), max(ladder.dense_error, 1e-9)
        for step in ladder.steps:
            spread = step.standard_error if math.isfinite(step.standard_error) else math.nan
            inputs = (1.0 - step.prune_ratio, *shape, dense)
            points.append((inputs, dense * (1.0 + step.cost), spread))
    return LawPoints.of(points)


def distillation_points(table: TrialTable, s: AnalysisSettings) -> LawPoints:
    """Size, data, teacher's error and error alone of every student that has all four."""
    error = table.column(s.error)
    usable = np.isfinite(error) & (error > 0.0) & np.isfinite(table.n_parameters)
    usable &= rows_with(table, status="complete")
    replicate = rows_with(table, phase="replicate")
    trained = usable & rows_with(table, route="trained") & (table.prune_ratio == 0.0)
    by_slot = {slot: k for k, slot in enumerate(table.slot) if slot and trained[k]}
    students = usable & replicate & rows_with(table, route="distilled")

    def dense(n: float, size: float) -> float:
        same = trained & replicate & (table.n_examples == n)
        same &= np.abs(np.log(table.n_parameters / size)) < math.log(SAME_SIZE)
        return float(error[same].mean()) if same.any() else math.nan

    groups: dict[tuple[float, float, float], list[int]] = {}
    for row in np.flatnonzero(students):
        teacher = float(np.nan_to_num(table.teacher_size[row], nan=-1.0))
        key = (exact(table.n_examples[row]), float(table.n_parameters[row]), teacher)
        groups.setdefault(key, []).append(int(row))
    points = []
    for (n, size, teacher), members in sorted(groups.items()):
        named = [by_slot[table.teacher[row]] for row in members if table.teacher[row] in by_slot]
        taught = float(error[named].mean()) if named else math.nan
        if math.isnan(taught) and teacher > 0.0:
            taught = dense(n, teacher)
        inputs = [size, float(n), taught, dense(n, size)]
        if n > 0 and all(math.isfinite(v) and v > 0.0 for v in inputs):
            own, count = np.log(error[members]), len(members)
            spread = float(own.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
            points.append((inputs, float(error[members].mean()), spread))
    return LawPoints.of(points)


def _by_method(ladders: Sequence[PruneLadder]) -> dict[tuple[float, str], list[PruneLadder]]:
    groups: dict[tuple[float, str], list[PruneLadder]] = {}
    for ladder in ladders:
        groups.setdefault((ladder.n_examples, ladder.method), []).append(ladder)
    return groups


def _fit(name: LawName, n: float, method: str, points: LawPoints) -> RouteLaw:
    law = _form(name, points)
    why, next_step = _too_few(law, points)
    theta = np.full(len(law.parameters), np.nan)
    if why is None:
        theta = fit_law(law, points.x, points.y).theta[0]
        if not np.isfinite(theta).all():
            why = Reason(kind="no_law_fits", about=(name,))
    fitted = np.full(len(points), np.nan) if why else law.predict(theta, points.x)
    return RouteLaw(
        law=name,
        n_examples=n,
        method=method,
        points=points,
        theta=theta,
        parameters=tuple(zip(law.parameters, law.natural(theta).tolist(), strict=True)),
        fit_error=float(np.mean(np.abs(fitted - points.y) / points.y)) if not why else math.nan,
        scores=() if why else _scores(law, points),
        why=why,
        next_step=next_step,
    )


def _form(name: LawName, points: LawPoints) -> Law:
    """The law of all fits to these points: with k where the points left by every split tell it."""
    if name != "pruning":
        return law_named(name)
    shown = [points, *(points.where(~hidden) for _, hidden in _splits(points))]
    ratios = min(len(np.unique(part.x[:, 0])) for part in shown)
    tuned = Pruning(tuned=True)
    enough = ratios >= TUNED_RATIOS and not any(_too_few(tuned, part)[0] for part in shown)
    return tuned if enough else Pruning(tuned=False)


def _too_few(law: Law, points: LawPoints) -> tuple[Reason, NextStep] | tuple[None, None]:
    """Why the points cannot carry the law, and how many would; None if they can."""
    pruning = isinstance(law, Pruning)
    if pruning and len(points):
        ratios = len(np.unique(points.x[:, 0]))
        if ratios < LEAST_RATIOS:
            return (
                Reason(kind="few_ratios", count=ratios, least=LEAST_RATIOS),
                NextStep(kind="prune_more_ratios", to=LEAST_RATIOS),
            )
    count = law.n_free
    if len(points) and pruning:  # a shape that never changes moves no exponent
        count -= sum(len(np.unique(points.x[:, k])) < 2 for k in (1, 2))
    least = count + SPARE
    if len(points) >= least:
        return None, None
    return (
        Reason(
            kind="few_points",
            about=("pruning" if pruning else "distillation",),
            count=len(points),
            value=count,
            least=least,
        ),
        NextStep(kind="run_more_points", to=least),
    )


def _splits(points: LawPoints) -> list[tuple[str, BoolArray]]:
    """What is hidden from each fit: thirds inside the range, and the hardest fifth."""
    hard = -points.x[:, 0]  # the sparsest, and the smallest students, are the hardest to foretell
    values = np.unique(points.x[:, 0])
    inside = values[1:-1]
    splits = [
        ("interpolation", np.isin(points.x[:, 0], inside[start::3]))
        for start in range(min(3, len(inside)))
    ]
    ends = np.unique(hard)
    last = ends[-max(len(ends) // 5, 1) :]
    if len(ends) >= 4:
        splits.append(("extrapolation", np.isin(hard, last)))
    return splits


def _scores(law: Law, points: LawPoints) -> tuple[LawScore, ...]:
    """Scores of predictions for hidden points, each point hidden at most once for each kind."""
    predicted: dict[str, FloatArray] = {}
    for kind, hidden in _splits(points):
        shown = points.where(~hidden)
        if not hidden.any() or _too_few(law, shown)[0]:
            continue
        fit = fit_law(law, shown.x, shown.y)
        held = predicted.setdefault(kind, np.full(len(points), np.nan))
        held[hidden] = fit.predict(points.x[hidden])[0]
    return tuple(
        _score(kind, held[np.isfinite(held)], points.where(np.isfinite(held)))
        for kind, held in predicted.items()
        if np.isfinite(held).any()
    )


def _score(kind: str, predicted: FloatArray, seen: LawPoints) -> LawScore:
    if not len(seen):
        return LawScore(kind=kind, points=0)
    relative = np.abs(predicted - seen.y) / seen.y
    known = seen.spread[np.isfinite(seen.spread)]
    return LawScore(
        kind=kind,
        points=len(seen),
        mean_relative_error=float(relative.mean()),
        worst=float(relative.max()),
        noise=float(NOISE_MEAN * known.mean()) if len(known) else math.nan,
    )
