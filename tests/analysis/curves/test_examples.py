"""The luck of the test examples: one set for all, or one for each draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.curves.curve import Curve, build_curves
from analysis.curves.draws import Draws
from analysis.curves.examples import luck_of_examples, shared_covariance
from analysis.curves.noise import measure_noise
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray, TrialTable
from benchmarks.simulation.noises import fails

N_TEST, POOL = 200, 1000


def a_study(*, rotate: bool, seed: int = 0, draws: int = 5, bits: bool = True) -> Curve:
    """Six cells of falling error; each draw scored on its own examples, or all on the same."""
    rng = np.random.default_rng(seed)
    difficulty = rng.standard_normal(POOL)
    tested = [rng.choice(difficulty, N_TEST, replace=False) for _ in range(draws)]
    rows = []
    for k, error in enumerate((0.4, 0.3, 0.2, 0.15, 0.12, 0.1)):
        for r in range(draws):
            wrong = fails(error, tested[r if rotate else 0], 0.6, rng)
            row: dict[str, object] = {
                "n_parameters": 100.0 * 2.0**k, "draw": r, "seed": r, "n_examples": 100,
                "test_error": float(wrong.mean()), "n_test": N_TEST,
                "n_test_pool": POOL if rotate else 0,
            }  # fmt: skip
            if bits:
                row["test_correct"] = np.packbits(~wrong).tobytes()
            rows.append(row)
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    return curve


def covariance_of(curve: Curve) -> FloatArray:
    return luck_of_examples(curve, curve.error, Draws.of(curve)).covariance


def test_one_test_set_for_all_is_as_it_was() -> None:
    curve = a_study(rotate=False)
    assert curve.n_test_pool == 0
    assert np.array_equal(covariance_of(curve), shared_covariance(curve, curve.error))


def test_five_test_sets_leave_less_luck_in_common_than_one() -> None:
    one, five = a_study(rotate=False), a_study(rotate=True)
    assert five.n_test_pool == POOL
    ratio = np.median(covariance_of(five).diagonal() / covariance_of(one).diagonal())
    # A fifth of the examples are shared by two test sets, and the level shows in the draws.
    assert 0.1 < ratio < 0.6


def test_the_luck_of_each_set_shows_in_the_shifts_of_the_draws() -> None:
    same, rotated = [], []
    for seed in range(8):
        same.append(measure_noise(a_study(rotate=False, seed=seed)).draw_variance)
        rotated.append(measure_noise(a_study(rotate=True, seed=seed)).draw_variance)
    assert np.mean(rotated) > 3.0 * np.mean(same)


def test_levels_of_repeated_studies_scatter_as_much_as_is_said() -> None:
    """Over 200 studies, each with a pool of its own."""
    curves = [a_study(rotate=True, seed=seed) for seed in range(200)]
    truth = np.log([0.4, 0.3, 0.2, 0.15, 0.12, 0.1])
    off, said = [], []
    for curve in curves:
        noise = measure_noise(curve)
        weight = np.full(6, 1.0 / 6.0)
        off.append(float(weight @ (noise.log_error - truth)))
        said.append(float(weight @ noise.mean_covariance(curve.replicates) @ weight))
    assert np.std(off) == pytest.approx(np.sqrt(np.mean(said)), rel=0.25)


def test_without_bits_a_share_of_the_counting_noise_is_taken() -> None:
    with_bits, without = a_study(rotate=True), a_study(rotate=True, bits=False)
    assert without.correct is None
    ratio = covariance_of(without).diagonal() / covariance_of(with_bits).diagonal()
    assert 0.2 < np.median(ratio) < 5.0
    values = np.linalg.eigvalsh(covariance_of(without))
    assert values.min() > -1e-9


def test_examples_without_a_draw_to_tell_them_by_have_no_luck_in_common() -> None:
    curve = a_study(rotate=True)
    unknown = replace(curve, run_draw=np.full(len(curve.run_draw), -1, dtype=np.int64))
    assert not luck_of_examples(unknown, curve.error, None).covariance.any()
