"""Speed of the fitting engine on the Chinchilla surface, as ratios measured in one run.

What is compared, on the 240 runs of tests/certified/data/chinchilla_epoch.csv, one thread:

- resamples: `analysis.surface` (all resamples in one batched program) against the way of the
  notebook that published the standard errors, one `scipy.optimize.minimize(method="BFGS")` with an
  analytic gradient per resample, started at the point estimate;
- the optimum: `analysis.fitting.fit_law` from all of its starts against the notebook's grid of
  4,500 starts of L-BFGS-B. ``--grid-share`` of the grid is run and its time scaled up; 1 runs it
  whole (about five minutes).

Each figure is the median of ``--repeats`` runs; the two sides alternate, so that a busy machine
slows both.

    OMP_NUM_THREADS=1 python -m benchmarks.fitting
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy
from scipy import optimize, special

from analysis.laws.fitting import fit_law

DATA = Path(__file__).parent.parent / "tests" / "certified" / "data" / "chinchilla_epoch.csv"
DELTA = 1e-3

# The grid of Hoffmann et al. 2022, appendix D.3: log A, log B, log E, alpha, beta.
GRID = (
    np.arange(0.0, 30.0, 5.0),
    np.arange(0.0, 30.0, 5.0),
    np.arange(-1.0, 1.5, 0.5),
    np.arange(0.0, 2.5, 0.5),
    np.arange(0.0, 2.5, 0.5),
)


def runs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, tokens and losses of the 240 runs."""
    with DATA.open(newline="") as file:
        rows = list(csv.DictReader(file))
    n = np.array([float(row["Model Size"]) for row in rows])
    d = np.array([float(row["Training FLOP"]) for row in rows]) / (6.0 * n)
    loss = np.array([float(row["loss"]) for row in rows])
    keep = np.argsort(loss)[:-5]
    return n[keep], d[keep], loss[keep]


def objective(n: np.ndarray, d: np.ndarray, loss: np.ndarray) -> Callable[[Any], Any]:
    """The notebook's objective (log-sum-exp, summed Huber) and its gradient."""
    log_n, log_d, log_loss = np.log(n), np.log(d), np.log(loss)

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
        total = special.logsumexp(terms, axis=0)
        r = total - log_loss
        share = np.exp(terms - total)
        slope = np.clip(r, -DELTA, DELTA)
        inside = np.abs(r) <= DELTA
        loss_sum = np.where(inside, 0.5 * r**2, DELTA * (np.abs(r) - 0.5 * DELTA)).sum()
        by = (slope * share).sum(1)
        gradient = [
            by[0],
            by[1],
            by[2],
            -(slope * share[0] * log_n).sum(),
            -(slope * share[1] * log_d).sum(),
        ]
        return float(loss_sum), np.array(gradient)

    return value_and_gradient


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall time of a call, and what it returned."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--resamples", type=int, default=4000)
    parser.add_argument("--scipy-resamples", type=int, default=60)
    parser.add_argument("--grid-share", type=float, default=0.01)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    n, d, loss = runs()
    x = np.stack([n, d], axis=1)
    generator = np.random.default_rng(0)
    counts = generator.multinomial(len(loss), np.full(len(loss), 1 / len(loss)), args.resamples)
    picks = [np.repeat(np.arange(len(loss)), c) for c in counts[: args.scipy_resamples]]
    grid = list(itertools.product(*GRID))
    sample = generator.permutation(len(grid))[: max(1, round(args.grid_share * len(grid)))]

    point = fit_law("chinchilla", x, loss)
    start = point.theta[0, [0, 1, 2, 3, 4]].copy()
    start[2] = np.log(start[2])

    def ours() -> Any:
        return fit_law("chinchilla", x, loss, weights=counts, theta0=point.theta[0])

    def bfgs() -> list[Any]:
        return [
            optimize.minimize(objective(n[k], d[k], loss[k]), start, jac=True, method="BFGS")
            for k in picks
        ]

    def whole_grid() -> float:
        work = objective(n, d, loss)
        return min(
            optimize.minimize(work, grid[k], jac=True, method="L-BFGS-B").fun for k in sample
        )

    times: dict[str, list[float]] = {"ours": [], "bfgs": [], "point": [], "grid": []}
    for _ in range(args.repeats):
        taken, fits = seconds(ours)
        times["ours"].append(taken / args.resamples)
        taken, theirs = seconds(bfgs)
        times["bfgs"].append(taken / len(picks))
        taken, _fit = seconds(lambda: fit_law("chinchilla", x, loss))
        times["point"].append(taken)
        taken, best = seconds(whole_grid)
        times["grid"].append(taken * len(grid) / len(sample))
    t = {key: statistics.median(values) for key, values in times.items()}
    worse = [float(f.fun / fits.objective[i] - 1.0) for i, f in enumerate(theirs)]

    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ",
        end="",
    )
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, median of {args.repeats}")
    print(f"per resample, ms: batched {1e3 * t['ours']:.3f}, BFGS {1e3 * t['bfgs']:.2f}; ", end="")
    print(f"ratio {t['bfgs'] / t['ours']:.0f}")
    print(
        f"  objective of BFGS above ours: median {np.median(worse):.1e}, most {max(worse):.1e}, ",
        end="",
    )
    print(f"least {min(worse):.1e}; failed fits of ours: {int((~fits.ok).sum())} of {len(fits.ok)}")
    print(f"optimum, s: all starts {t['point']:.4f}, grid {t['grid']:.0f} ", end="")
    print(f"({len(sample)} of {len(grid)} starts timed); ratio {t['grid'] / t['point']:.0f}")
    print(f"  objective: ours {point.objective[0]:.10f}, best of the grid's sample {best:.10f}")


if __name__ == "__main__":
    main()
