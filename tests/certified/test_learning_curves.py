"""Extrapolation of published learning curves: better than the laws published for them.

36 curves of few-shot image classification (Alabdulmohsin et al. 2022, arXiv:2209.06640), fitted on
one part and forecast about twice as far. The score of a curve is the root mean square log error on
the rest. Mean scores on these curves: M1 .0776, M2 .0677, M3 .0495, M4 (their best) .0308; a broken
power law with one break, by bounded multi-start least squares, .0284. A straight line through the
held-out points of each curve, in hindsight, still scores .0182: that much is their noise.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from analysis.forecasts.extrapolation import Extrapolation, extrapolate

DATA = Path(__file__).parent / "data" / "scaling_curves_dev.csv.gz"

Forecast = tuple[Extrapolation, np.ndarray]


@pytest.fixture(scope="module")
def forecasts() -> dict[tuple[str, str], Forecast]:
    rows = defaultdict(list)
    with gzip.open(DATA, "rt", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["Task"], row["Model"], row["Training"])
            rows[key].append((float(row["Seen Examples"]), float(row["Loss"])))
    out = {}
    for task, model in sorted({key[:2] for key in rows}):
        x, y = np.array(rows[task, model, "1"]).T
        x_new, y_new = np.array(rows[task, model, "0"]).T
        out[task, model] = (extrapolate(x, y, x_new, level=0.9), y_new)
    return out


def scores(forecasts: dict[tuple[str, str], Forecast]) -> np.ndarray:
    return np.array(
        [np.sqrt(((np.log(f.prediction) - np.log(y)) ** 2).mean()) for f, y in forecasts.values()]
    )


@pytest.mark.slow
def test_no_curve_fails(forecasts: dict[tuple[str, str], Forecast]) -> None:
    assert len(forecasts) == 36
    for forecast, _ in forecasts.values():
        assert np.isfinite(forecast.prediction).all() and not forecast.left_out
        assert (forecast.lower < forecast.prediction).all()
        assert (forecast.prediction < forecast.upper).all()
    assert scores(forecasts).max() < 0.06


@pytest.mark.slow
def test_mean_score_beats_the_published_laws(
    forecasts: dict[tuple[str, str], Forecast],
) -> None:
    assert scores(forecasts).mean() < 0.0245


@pytest.mark.slow
def test_bands_hold_the_means_of_the_held_out_points(
    forecasts: dict[tuple[str, str], Forecast],
) -> None:
    held = [f.lower.mean() <= y.mean() <= f.upper.mean() for f, y in forecasts.values()]
    # Wider than 90% asks here: the same factor serves curves that bend more.
    assert np.mean(held) >= 0.85
    widths = [np.log(f.upper / f.lower).mean() for f, _ in forecasts.values()]
    assert np.median(widths) < 0.15


@pytest.mark.slow
def test_bands_of_single_points_hold_them(forecasts: dict[tuple[str, str], Forecast]) -> None:
    held = [((f.point_lower <= y) & (y <= f.point_upper)).mean() for f, y in forecasts.values()]
    assert 0.85 <= np.mean(held) <= 0.97
