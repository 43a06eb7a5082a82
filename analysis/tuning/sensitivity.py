r"""Was each cell tuned enough, and which hyperparameters mattered? From the search trials alone.

**Enough.** Of the n search trials of a cell, sorted by validation error e_1 <= ... <= e_n, the best
of k drawn at random has the expected error

    E[best of k] = sum_i e_i C(n - i, k - 1) / C(n, k)

exactly. What the last doubling (from n/2 to n) brought is what tells whether another would pay. The
formula takes trials in any order for equal, as they are in random and quasi-random search; where a
sampler learns, its later trials are better than that and the gain here is too small. A part of the
gain is the luck of a small validation set, which the winner does not keep: so the same expectation
is taken of the *test* error of the trial that validation chooses, and a cell is said to need more
trials only where both gained. (The test set judges here; it still chooses nothing.)

**Mattered.** Within a cell, capacity and data are the same, so that what differs is the nuisance
hyperparameters. Values and errors are ranked within each cell and correlated over all cells of a
dataset size (a rank correlation that no difference between cells can feign); and the error of the
low, middle and high third of the values is compared with that of the cell, which shows an optimum
inside the range. Intervals resample whole cells.

======== ====================================================== =========
symbol   meaning                                                shape
======== ====================================================== =========
n        search trials of a cell                                scalar
C        cells of a dataset size                                scalar
e        validation errors of a cell                            (n,)
======== ====================================================== =========

References
----------
Dodge et al. (2019), "Show Your Work: Improved Reporting of Experimental Results", section 3. Tang
et al. (2020), "Showing Your Work Doesn't Always Work", section 3: without replacement the estimate
is unbiased, with replacement (as in Dodge et al.) it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from analysis.settings import AnalysisSettings
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, IntArray, TrialTable, exact, middle

LEAST_TRIALS = 4
"""Fewer trials in a cell say nothing of a doubling."""

ENOUGH_GAIN = 0.05
"""Another doubling of the trials pays if the last one lowered the validation error by this much:
half of what a doubling of the *size* must save by default, so that what tuning left on the table
does not decide where size stops paying."""

LEAST_CELLS = 8
"""Below this many cells their bootstrap is too coarse, and the interval is Fisher's."""

CLAIM_LEVEL = 0.99
"""Of the intervals behind words: many hyperparameters and dataset sizes are looked at at once, and
at 90% one in ten that does nothing would seem to."""

RESAMPLES = 1000
THIRDS = ("low", "middle", "high")
Seen = Literal["best_inside", "less_is_better", "more_is_better", "unclear"]
CURVE_POINTS = 64
"""A cell with more trials has its curve at about this many k, evenly spaced in log k."""


@dataclass(frozen=True, kw_only=True)
class CellTuning:
    """How well one cell was tuned."""

    n_examples: float
    cell: str
    size: float
    """Of the trained model, in the settings' size; NaN if no trial says."""
    trials: int
    failed: int
    """Trials without a validation error; they count as the worst one that has it."""
    best: float
    """Lowest validation error."""
    curve: tuple[tuple[int, float], ...]
    """(k, expected validation error of the best of k trials)."""
    gain: float
    """Fraction of the validation error that the last doubling of the trials saved; NaN if too
    few."""
    kept_gain: float
    """The same of the winner's test error; NaN if not known."""
    more_pays: bool
    """Whether twice the trials would still be worth it."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one hyperparameter did to the validation error at one dataset size."""

    n_examples: float
    capacity: str
    """``"all"``, or the ``"smaller"`` or ``"larger"`` half of the cells by size."""
    hyperparameter: str
    trials: int
    cells: int
    correlation: float
    """Rank correlation within cells with the validation error: negative if more of it is better."""
    low: float
    high: float
    level: float
    edges: tuple[float, float]
    """Values that part the thirds."""
    thirds: tuple[float, float, float]
    """Error of the low, middle and high third of the values, relative to the mean of its cell."""
    thirds_low: tuple[float, float, float]
    thirds_high: tuple[float, float, float]

    @property
    def seen(self) -> Seen:
        """What was seen; only what holds at :data:`CLAIM_LEVEL` is claimed."""
        ends = [
            _widened(*numbers, self.level)
            for numbers in (
                (self.correlation, self.low, self.high),
                *zip(self.thirds, self.thirds_low, self.thirds_high, strict=True),
            )
        ]
        (low, high), *thirds = ends
        if thirds[1][1] < min(thirds[0][0], thirds[2][0]):
            return "best_inside"
        if low > 0.0:
            return "less_is_better"
        if high < 0.0:
            return "more_is_better"
        return "unclear"


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What the search trials say of the tuning."""

    cells: tuple[CellTuning, ...]
    """In order of dataset size, then size."""
    effects: tuple[Effect, ...]
    level: float
    elsewhere: bool = False
    """Whether replicates have values that no search trial of their cell had: what the best of a
    cell gains by more trials is then no question."""

    @property
    def judged(self) -> int:
        """Cells with enough trials to judge."""
        return sum(math.isfinite(cell.gain) for cell in self.cells)

    @property
    def short(self) -> tuple[CellTuning, ...]:
        """Cells where more search trials would still pay."""
        return tuple(cell for cell in self.cells if cell.more_pays)

    @property
    def mean_gain(self) -> float:
        """Mean over the cells of what the last doubling saved of the test error, where that is
        known, else of the validation error; NaN if no cell can be judged."""
        gains = np.array([[cell.kept_gain, cell.gain] for cell in self.cells])
        gains = gains[:, 0] if np.isfinite(gains[:, 0]).any() else gains[:, 1]
        known = gains[np.isfinite(gains)]
        return float(known.mean()) if len(known) else math.nan


def study_tuning(table: TrialTable, settings: AnalysisSettings) -> Tuning | None:
    """Judge the tuning of every cell, and the effect of every hyperparameter, if any was tuned."""
    search = np.flatnonzero([phase == "search" for phase in table.phase])
    if not len(search):
        return None
    members: dict[tuple[float, str], list[int]] = {}
    for row in search:
        name = table.cell[row] or f"width={table.width[row]} depth={table.depth[row]}"
        members.setdefault((exact(table.n_examples[row]), name), []).append(int(row))
    size = table.column(settings.size)
    cells = [(n, name, middle(size[rows]), np.array(rows)) for (n, name), rows in members.items()]
    cells.sort(key=lambda cell: (cell[0], math.inf if math.isnan(cell[2]) else cell[2], cell[1]))
    elsewhere = _elsewhere(table, members)
    return Tuning(
        cells=tuple(
            _cell_tuning(n, name, m, table.val_error[rows], table.test_error[rows], elsewhere)
            for n, name, m, rows in cells
        ),
        effects=tuple(_effects(table, cells, settings)),
        level=settings.level,
        elsewhere=elsewhere,
    )


def _elsewhere(table: TrialTable, members: Mapping[tuple[float, str], list[int]]) -> bool:
    """Whether, in most cells, replicates have values that no search trial of the cell had."""
    tuned = [
        column
        for column in table.params.values()
        if any(len({column[row] for row in rows}) > 1 for rows in members.values())
    ]
    apart: dict[tuple[float, str], bool] = {}
    tried = {key: {tuple(c[row] for c in tuned) for row in rows} for key, rows in members.items()}
    for row in np.flatnonzero([phase == "replicate" for phase in table.phase]):
        key = (exact(table.n_examples[row]), table.cell[row])
        values = tuple(column[row] for column in tuned)
        if key in tried and values and None not in values:
            apart[key] = apart.get(key, True) and values not in tried[key]
    return 2 * sum(apart.values()) > len(apart)


def best_of(errors: FloatArray, k: int, scores: FloatArray | None = None) -> float:
    """Expected score of the best of ``k`` trials drawn from n without replacement.

    The best is chosen by ``errors`` (n,), of equal ones with equal probability; what is expected is
    its ``scores`` (n,), by default the errors themselves.

    >>> import numpy as np
    >>> best_of(np.array([0.3, 0.1, 0.2]), 2)  # of three pairs, two hold 0.1 and one 0.2
    0.13333333333333333
    """
    n = len(errors)
    i = np.arange(1, n - k + 1)
    # C(n-i, k-1) / C(n, k), each from the one before.
    weights = (k / n) * np.concatenate([[1.0], np.cumprod((n - i - k + 1) / (n - i))])
    if scores is None:
        return float(weights @ np.sort(errors)[: len(weights)])
    _, place, counts = np.unique(errors, return_inverse=True, return_counts=True)
    shared = (np.bincount(place, scores) / counts)[place]
    return float(weights @ shared[np.argsort(errors, kind="stable")][: len(weights)])


def _cell_tuning(
    n_examples: float, cell: str, size: float, found: FloatArray, test: FloatArray, elsewhere: bool
) -> CellTuning:
    usable = np.isfinite(found)
    n, failed = len(found), int((~usable).sum())
    curve: tuple[tuple[int, float], ...] = ()
    best = gain = kept = math.nan
    if usable.any():
        errors = np.where(usable, found, found[usable].max())
        best = float(errors.min())
        if n <= CURVE_POINTS:
            ks = np.arange(1, n + 1)
        else:
            ks = np.unique(np.geomspace(1, n, CURVE_POINTS).round().astype(int))
        curve = tuple((int(k), best_of(errors, int(k))) for k in ks)
        if n >= LEAST_TRIALS and not elsewhere:
            gain = _doubling_gain(errors, errors)
            if np.isfinite(test[usable]).all():
                worst = test[usable].max()
                kept = _doubling_gain(errors, np.where(usable, test, worst))
    return CellTuning(
        n_examples=n_examples,
        cell=cell,
        size=size,
        trials=n,
        failed=failed,
        best=best,
        curve=curve,
        gain=gain,
        kept_gain=kept,
        more_pays=gain >= ENOUGH_GAIN and not kept < ENOUGH_GAIN,
    )


def _doubling_gain(errors: FloatArray, scores: FloatArray) -> float:
    """Fraction of the winner's score that the last doubling of the trials saved."""
    n = len(errors)
    # Half of an odd number of trials lies between two whole numbers of them.
    half = sum(best_of(errors, k, scores) for k in (n // 2, (n + 1) // 2)) / 2.0
    return 1.0 - best_of(errors, n, scores) / half if half > 0.0 else 0.0


# -- effects of hyperparameters -----------------------------------------------------------------

_Cell = tuple[float, str, float, IntArray]


def _effects(table: TrialTable, cells: list[_Cell], settings: AnalysisSettings) -> Iterator[Effect]:
    rng = generator(settings.seed, Stream.EFFECTS)
    error = table.val_error
    positive = error[np.isfinite(error) & (error > 0.0)]
    if not len(positive):
        return
    # An error of zero of a finite validation set is less than its smallest step.
    log_error = np.log(np.maximum(error, positive.min() / 2.0))
    values = {name: _numeric(column) for name, column in table.params.items()}
    for n in dict.fromkeys(cell[0] for cell in cells):
        mine = [cell for cell in cells if cell[0] == n]
        groups = {"all": mine}
        middle = len(mine) // 2
        if len(mine) >= LEAST_CELLS and all(math.isfinite(cell[2]) for cell in mine):
            groups |= {"smaller": mine[:middle], "larger": mine[middle:]}
        for name, column in values.items():
            for capacity, group in groups.items():
                picked = [
                    rows[np.isfinite(column[rows]) & np.isfinite(log_error[rows])]
                    for _, _, _, rows in group
                ]
                picked = [rows for rows in picked if len(rows) > 1 and np.ptp(column[rows]) > 0.0]
                if sum(map(len, picked)) < 3 * LEAST_TRIALS:
                    continue
                yield _effect(
                    (n, capacity, name),
                    [column[rows] for rows in picked],
                    [log_error[rows] for rows in picked],
                    settings.level,
                    rng,
                )


def _numeric(column: tuple[Any, ...]) -> FloatArray:
    """A hyperparameter as numbers, NaN where it is none (true and false are 1 and 0)."""
    return np.array(
        [float(value) if isinstance(value, int | float) else math.nan for value in column]
    )


def _effect(
    names: tuple[float, str, str],
    values: list[FloatArray],
    errors: list[FloatArray],
    level: float,
    rng: np.random.Generator,
) -> Effect:
    """One hyperparameter over the cells of one dataset size."""
    ranked = [(_ranks(v), _ranks(e)) for v, e in zip(values, errors, strict=True)]
    products = np.array([[v @ e, v @ v, e @ e] for v, e in ranked])
    correlation = float(_correlation(products.sum(axis=0)))
    count = len(values)
    draws = rng.multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES).astype(np.float64)
    tail = (1.0 - level) / 2.0
    n_trials = sum(map(len, values))
    if count >= LEAST_CELLS:
        drawn = _correlation(draws @ products)
        low, high = (float(q) for q in np.quantile(drawn, [tail, 1.0 - tail]))
    else:
        low, high = _fisher(correlation, n_trials - count, level)
    every = np.concatenate(values)
    edges = np.quantile(every, [1.0 / 3.0, 2.0 / 3.0])
    sums, counts = np.zeros((count, 3)), np.zeros((count, 3))
    for c, (v, e) in enumerate(zip(values, errors, strict=True)):
        third = np.searchsorted(edges, v, side="left")
        np.add.at(sums[c], third, e - e.mean())
        np.add.at(counts[c], third, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.expm1(sums.sum(axis=0) / counts.sum(axis=0))
        if count >= LEAST_CELLS:
            drawn = np.expm1((draws @ sums) / (draws @ counts))
        else:
            drawn = np.full((1, 3), np.nan)
    known = np.isfinite(drawn).all(axis=1)
    ends = (
        np.quantile(drawn[known], [tail, 1.0 - tail], axis=0)
        if known.any()
        else np.full((2, 3), np.nan)
    )
    n, capacity, name = names
    return Effect(
        n_examples=n,
        capacity=capacity,
        hyperparameter=name,
        trials=n_trials,
        cells=count,
        correlation=correlation,
        low=low,
        high=high,
        level=level,
        edges=(float(edges[0]), float(edges[1])),
        thirds=_triple(relative),
        thirds_low=_triple(ends[0]),
        thirds_high=_triple(ends[1]),
    )


def _widened(middle: float, low: float, high: float, level: float) -> tuple[float, float]:
    """The interval at :data:`CLAIM_LEVEL`, each side in proportion (normal tails)."""
    quantile = NormalDist().inv_cdf
    wider = quantile((1.0 + CLAIM_LEVEL) / 2.0) / quantile((1.0 + level) / 2.0)
    return middle - wider * (middle - low), middle + wider * (high - middle)


def _triple(values: FloatArray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _ranks(values: FloatArray) -> FloatArray:
    """Centred ranks; ties share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[place]
    centred: FloatArray = ranks - ranks.mean()
    return centred


def _correlation(products: FloatArray) -> FloatArray:
    """Correlation from sums of products (..., 3); 0 where nothing varies."""
    scale = np.sqrt(products[..., 1] * products[..., 2])
    correlation: FloatArray = products[..., 0] / np.where(scale > 0.0, scale, 1.0)
    return correlation


def _fisher(correlation: float, degrees: int, level: float) -> tuple[float, float]:
    """Fisher's interval of a correlation with ``degrees`` degrees of freedom."""
    half = NormalDist().inv_cdf((1.0 + level) / 2.0) / math.sqrt(max(degrees - 2, 1))
    middle = math.atanh(max(min(correlation, 1.0 - 1e-12), -1.0 + 1e-12))
    return math.tanh(middle - half), math.tanh(middle + half)
