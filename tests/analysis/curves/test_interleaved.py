"""Whether the points of one curve lie on two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.curves.curve import Curve, build_curves
from analysis.curves.interleaved import Interleaved, two_curves
from analysis.curves.noise import measure_noise
from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.trials import FloatArray, TrialTable
from analysis.words.kinds import tell

FEW = AnalysisSettings(resamples=100)


def table_of(size: Any, error: Any, **columns: Any) -> TrialTable:
    return TrialTable.from_columns(
        {"n_parameters": np.asarray(size), "test_error": np.asarray(error), **columns}, len(size)
    )


def curve_of(size: Any, error: Any) -> Curve:
    (curve,) = build_curves(table_of(size, error), FEW)
    return curve


def found(size: Any, error: Any) -> Interleaved | None:
    curve = curve_of(size, error)
    return two_curves(curve, measure_noise(curve))


def falling(size: FloatArray) -> FloatArray:
    curve: FloatArray = 0.05 + 0.4 * (size / size.min()) ** -0.4
    return curve


def noisy(error: FloatArray, spread: float, seed: int, degrees: float = 4.0) -> FloatArray:
    luck = np.random.default_rng(seed).standard_t(degrees, len(error))
    return np.asarray(error * np.exp(spread * luck / np.sqrt(degrees / (degrees - 2.0))))


def ladders(
    kind: str, *, apart: float, spread: float, runs: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Sizes and errors of two ladders of six sizes each."""
    rng = np.random.default_rng([seed, 1])
    one = np.geomspace(1e3, 1e5, 6)
    other = {"same": one, "between": one * 1.6, "random": np.sort(10 ** rng.uniform(3, 5, 6))}[kind]
    size = np.repeat(np.concatenate([one, other]), runs)
    upper = np.repeat([1.0, apart], 6 * runs)
    return size, noisy(falling(size) * upper, spread, seed)


@pytest.mark.parametrize("kind", ["same", "between", "random"])
@pytest.mark.parametrize("runs", [1, 4])
def test_two_ladders_are_found_with_their_points_and_their_ratio(kind: str, runs: int) -> None:
    hits = 0
    for seed in range(20):
        two = found(*ladders(kind, apart=1.4, spread=0.02, runs=runs, seed=seed))
        if two is not None:
            hits += 1
            assert two.ratio == pytest.approx(1.4, rel=0.15)
            assert two.same_sizes == (kind == "same")
            if kind == "between":
                assert (two.lower, two.upper) == (6, 6)
    assert hits >= 16


def single(kind: str, rng: np.random.Generator) -> FloatArray:
    """Log errors of one curve at some log sizes from 0 to 1."""
    k = int(rng.integers(6, 17))
    t = np.sort(rng.uniform(0, 1, k)) if rng.random() < 0.3 else np.linspace(0, 1, k)
    y = np.log(rng.choice([0.0, 0.1]) + 0.5 * np.exp(-rng.uniform(0.5, 3.0) * t))
    at = rng.uniform(0.1, 0.9)
    shapes = {
        "power": 0.0 * t,
        "step": -rng.uniform(0.1, 0.8) * (t > at),
        "bend": rng.uniform(-2, 2) * np.maximum(t - at, 0.0),
        "hump": rng.uniform(-0.6, 0.6) * np.exp(-0.5 * ((t - at) / 0.15) ** 2),
        "wave": 0.15 * np.sin(2.0 * np.pi * (rng.uniform(1, 2.5) * t + at)),
    }
    return np.array([t, y + shapes[kind]])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["power", "step", "bend", "hump", "wave"])
def test_a_single_curve_with_scatter_is_left_one(kind: str) -> None:
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng([7, seed])
        t, y = single(kind, rng)
        runs = int(rng.choice([1, 2, 4, 10]))
        spread = float(np.exp(rng.uniform(np.log(0.01), np.log(0.3))))
        error = noisy(np.exp(np.repeat(y, runs)), spread, seed)
        alarms += found(np.repeat(1e3 * 10 ** (2 * t), runs), error) is not None
    assert alarms <= 2


@pytest.mark.parametrize("cells", [70, 1024])
def test_many_sizes_are_sorted_in_two(cells: int) -> None:
    rng = np.random.default_rng(0)
    size = np.sort(10 ** rng.uniform(3, 6, cells))
    upper = rng.integers(0, 2, cells)
    two = found(size, noisy(falling(size) * 1.4**upper, 0.03, 0))
    assert two is not None and abs(two.upper - int(upper.sum())) <= 0.05 * cells
    assert found(size, noisy(falling(size), 0.1, 0)) is None


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ([100.0], [0.1]),
        ([100.0] * 12, [0.1, 0.2] * 6),
        ([100.0 * 2**k for k in range(12)], [0.1] * 12),
        ([100.0 * 2**k for k in range(12)], [0.0] * 12),
        ([100.0 * 2**k for k in range(3)], [0.3, 0.2, 0.1]),
    ],
)
def test_what_is_too_little_or_too_alike_is_left_one(size: list[float], error: list[float]) -> None:
    assert found(size, error) is None


def test_one_bad_run_and_rising_ladders_make_no_second_curve() -> None:
    size = np.geomspace(1e3, 1e6, 12)
    bad = noisy(falling(size), 0.01, 0)
    bad[5] *= 1.6
    assert found(size, bad) is None
    assert found(size, falling(size)[::-1] * 1.4 ** (np.arange(12) % 2)) is None


def test_it_is_told_of_tables_that_do_not_say_how_models_are_made() -> None:
    size, error = ladders("between", apart=1.4, spread=0.01, runs=1, seed=0)
    (told,) = analyse(table_of(size, error), FEW).found("interleaved")
    assert tell(told).whole == (
        "Two curves were drawn as one: 6 points lie on one curve and 6 on another with "
        f"{told.facts.ratio:.2f} times its error; name the column that sets them apart with "
        "--shape (in Python: shape=), or take one of them with --where"
    )
    analysis = analyse(table_of(size, error), FEW)
    assert [one.kind for one in analysis.findings if one.noted][1] == "interleaved"
    depth = np.repeat([1, 2], 6)
    cells = [f"width{k}-depth{d}" for k, d in enumerate(depth)]
    assert not analyse(table_of(size, error, cell=cells), FEW).found("interleaved")
    assert not analyse(table_of(size, error, depth=depth), FEW).found("interleaved")
    shaped = AnalysisSettings(resamples=100, shape=("depth",))
    assert not analyse(table_of(size, error, depth=depth), shaped).found("interleaved")
