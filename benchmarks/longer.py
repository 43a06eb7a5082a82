"""Do a few networks trained twice as long tell how far the payoff point would move?

    OMP_NUM_THREADS=1 python -m benchmarks.longer [--studies 30]

Simulated studies of four dataset sizes, nine network sizes and five replicates, as noisy as the
default study's, of laws whose payoff point is known; twice the training changes the error by a
known share: none, the same at each size, more for small networks, more for large ones. One
replicate of each cell is trained both ways, draws in turn. What is printed for each kind of change:
how often the 90% intervals hold the true ratio of the payoff points and the true share saved, their
median widths, what was said, and how often that is wrong: a point that stays moves by a factor of
two or more, one that moves goes the other way or by less than a tenth.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.trials import FloatArray, TrialTable
from analysis.tuning.longer import STAYS
from analysis.verdicts.rules import apply_rule

DATA = (100, 300, 900, 2700)
SIZES = np.geomspace(300.0, 80_000.0, 9)
DRAWS = 5
N_TEST = 500
SETTINGS = AnalysisSettings(resamples=1000)
RELATIVE = np.log(SIZES / SIZES[0]) / math.log(SIZES[-1] / SIZES[0])

Change = Callable[[FloatArray, float], FloatArray]
CHANGES: dict[str, Change] = {
    "none": lambda u, much: np.zeros_like(u),
    "the same at each size": lambda u, much: np.full_like(u, -much),
    "more for small networks": lambda u, much: -2.0 * much * np.exp(-u / 0.25),
    "more for large networks": lambda u, much: -2.0 * much * u,
}
"""Of the log error, by where a size lies in the range (0 to 1) and how much there is."""


def law(data: int, x: FloatArray) -> FloatArray:
    """Log error of a power law with a floor, which is lower the more data there are."""
    floor = 0.02 + 0.8 * data**-0.5
    return np.asarray(np.log(floor + 1.2 * floor * (np.exp(x) / 2500.0) ** -1.0))


def rows_of(kind: str, seed: int) -> tuple[list[dict[str, Any]], dict[int, tuple[float, float]]]:
    """A study's trials, and per dataset size the true ratio and the true mean log change."""
    rng = np.random.default_rng([7, seed])
    much = float(rng.uniform(0.05, 0.2))
    grid = np.linspace(math.log(SIZES[0]), math.log(SIZES[-1]), 400)
    rows: list[dict[str, Any]] = []
    truth = {}
    for data in DATA:
        curve = law(data, np.log(SIZES))
        change = CHANGES[kind](RELATIVE, much)
        fine = law(data, grid)[None, :]
        moved = fine + CHANGES[kind]((grid - grid[0]) / (grid[-1] - grid[0]), much)[None, :]
        was, now = (apply_rule(grid, y, "marginal", SETTINGS) for y in (fine, moved))
        truth[data] = float(np.exp(now.location - was.location)[0]), float(change.mean())
        luck = rng.normal(0.0, 0.08, DRAWS)
        together = rng.normal(0.0, 0.03, DRAWS)
        tuned = rng.normal(0.0, 0.05, len(SIZES))
        for k, size in enumerate(SIZES):
            own = rng.normal(0.0, 0.05)  # what a cell's values make of the change
            for draw in range(DRAWS):
                at = curve[k] + tuned[k] + luck[draw] + rng.normal(0.0, 0.08)
                then = at + change[k] + together[draw] + own + rng.normal(0.0, 0.08)
                errors = [rng.binomial(N_TEST, min(math.exp(y), 1.0)) / N_TEST for y in (at, then)]
                row = {
                    "slot": f"n{data}-{k}-{draw}", "cell": f"n{data}-{k}", "n_examples": data,
                    "draw": draw, "seed": draw, "n_parameters": size, "n_test": N_TEST,
                    "phase": "replicate", "test_error": errors[0],
                }  # fmt: skip
                rows.append(row)
                if draw == k % DRAWS:
                    more = {"slot": f"{row['slot']}-longer", "phase": "longer"}
                    rows.append({**row, **more, "test_error": errors[1]})
    return rows, truth


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of the studies of one kind of change."""

    curves: int
    held: float
    """Share of the intervals that hold the true ratio of payoff points."""
    factor: float
    """Median width of these, from end to end."""
    saved_held: float
    saved_width: float
    said: Mapping[str, int]
    wrong: Mapping[str, int]

    def __str__(self) -> str:
        return (
            f"ratio held {self.held:.3f} of {self.curves} (factor {self.factor:.2f}), saved held "
            f"{self.saved_held:.3f} (width {self.saved_width:.3f}); said {dict(self.said)}, of "
            f"these wrong {dict(self.wrong)}"
        )


def tally(kind: str, studies: int) -> Tally:
    """Analyse studies of one kind of change."""
    holds, saves, widths = [], [], []
    said, wrong = Counter[str](), Counter[str]()
    for seed in range(studies):
        rows, truth = rows_of(kind, seed)
        for one in analyse(TrialTable.from_rows(rows), SETTINGS).longer:
            ratio, change = truth[int(one.n_examples)]
            e, s = one.estimate, one.saved
            low, high = e.low * (1 - 1e-9), e.high * (1 + 1e-9)
            holds.append((low <= ratio or e.low_open) and (ratio <= high or e.high_open))
            saves.append(s.low <= 1.0 - math.exp(change) <= s.high)
            widths.append((e.high / e.low, s.high - s.low))
            said[one.effect] += 1
            far = abs(math.log(ratio)) > math.log(STAYS if one.effect == "stays" else 1.1)
            same_way = math.log(ratio) * math.log(e.value) > 0.0
            bad = {"stays": far, "moves": not (far and same_way)}
            wrong[one.effect] += bad.get(one.effect, False)
    factor, width = np.median(np.array(widths), axis=0)
    return Tally(
        curves=len(holds),
        held=float(np.mean(holds)),
        factor=float(factor),
        saved_held=float(np.mean(saves)),
        saved_width=float(width),
        said=said,
        wrong=+wrong,
    )


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=30, help="of each kind of change")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores; {args.studies} studies of each kind")
    for kind in CHANGES:
        print(f"{kind}: {tally(kind, args.studies)}", flush=True)


if __name__ == "__main__":
    main()
