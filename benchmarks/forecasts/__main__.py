"""Scores of forecasts: `python -m benchmarks.forecasts [--curves 40] [--public FILE]`.

The score of a curve is the root mean square log error of the forecast: against the hidden points of
the public curves, and against the hidden truth of the made-up ones.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import platform
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy

from analysis.forecasts.extrapolation import extrapolate
from analysis.laws.law import Array
from benchmarks.forecasts.families import CHOSEN, UNSEEN, CutCurve, curves
from benchmarks.forecasts.rivals import RIVALS

PUBLIC = Path("tests/certified/data/scaling_curves_dev.csv.gz")


def public(path: Path) -> list[CutCurve]:
    """Curves of a table of Alabdulmohsin et al. 2022; the hidden points stand for the truth."""
    rows = defaultdict(list)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["Task"], row["Model"], row["Training"])
            rows[key].append((float(row["Seen Examples"]), float(row["Loss"])))
    found = []
    for task, model in sorted({key[:2] for key in rows}):
        x, y = np.array(sorted(rows[task, model, "1"])).T
        x_new, y_new = np.array(sorted(rows[task, model, "0"])).T
        found.append(CutCurve(x=x, y=y, x_new=x_new, y_new=y_new, truth=y_new))
    return found


def score(forecast: Array, truth: Array) -> float:
    """Root mean square log error."""
    return float(np.sqrt(np.mean((np.log(forecast) - np.log(truth)) ** 2)))


def line(name: str, found: Sequence[CutCurve]) -> str:
    """Mean scores, and how often the 90% bands hold means and single points."""
    scores, means, points = defaultdict(list), [], []
    for curve in found:
        forecast = extrapolate(curve.x, curve.y, curve.x_new, level=0.9)
        scores["payoff"].append(score(forecast.prediction, curve.truth))
        for rival, make in RIVALS.items():
            scores[rival].append(score(make(curve.x, curve.y, curve.x_new), curve.truth))
        if curve.truth is curve.y_new:  # only points are known: their mean against the band's
            middle = curve.y_new.mean()
            means.append(forecast.lower.mean() <= middle <= forecast.upper.mean())
        else:
            inside = (forecast.lower <= curve.truth) & (curve.truth <= forecast.upper)
            means.append(float(inside.mean()))
        single = (forecast.point_lower <= curve.y_new) & (curve.y_new <= forecast.point_upper)
        points.append(float(single.mean()))
    columns = " | ".join(f"{np.mean(values):.4f}" for values in scores.values())
    return f"| {name} | {columns} | {np.mean(means):.0%} | {np.mean(points):.0%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=40, help="made-up curves of each family")
    parser.add_argument("--public", type=Path, default=PUBLIC, help="table of public curves")
    asked = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
          f"NumPy {np.__version__}, SciPy {scipy.__version__}; "
          f"{asked.curves} curves of each made-up family\n")  # fmt: skip
    print(f"| curves | payoff | {' | '.join(RIVALS)} | means held | points held |")
    print(f"| --- | {'---: | ' * (len(RIVALS) + 3)}".rstrip())
    found = public(asked.public)
    print(line(f"{len(found)} public", found), flush=True)
    for family in (*CHOSEN, *UNSEEN):
        unseen = " (unseen)" if family in UNSEEN else ""
        print(line(family + unseen, curves(family, asked.curves)), flush=True)


if __name__ == "__main__":
    main()
