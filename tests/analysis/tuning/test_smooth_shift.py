"""A change that varies smoothly with size, from cells that scatter about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.table.trials import FloatArray
from analysis.tuning.smooth_shift import TOGETHER, Changes

SIZES = np.linspace(6.0, 11.0, 12)
DATA = np.log([100.0, 400.0, 1600.0])


def changes_of(truth: FloatArray, noise: float, seed: int, *, errors: float = np.inf) -> Changes:
    """Cells of three dataset sizes, each of a draw of its own."""
    rng = np.random.default_rng(seed)
    n = len(SIZES) * len(DATA)
    return Changes(
        log_size=np.tile(SIZES, len(DATA)),
        log_examples=np.repeat(DATA, len(SIZES)),
        shape=np.zeros(n, dtype=np.int64),
        change=np.tile(truth, len(DATA)) + noise * rng.standard_normal(n),
        runs=np.ones(n),
        errors_made=np.full(n, errors),
        draws=np.eye(n),
    )


def drawn(changes: Changes, n: int = 800) -> FloatArray:
    shape = np.zeros(len(SIZES), dtype=np.int64)
    return changes.drawn(SIZES, float(DATA[-1]), shape, n, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["none", "level", "slope", "fades"])
def test_its_intervals_hold_a_known_change(kind: str) -> None:
    u = (SIZES - SIZES[0]) / np.ptp(SIZES)
    truth = {
        "none": 0.0 * u, "level": 0.0 * u - 0.15, "slope": -0.3 * u, "fades": -0.3 * np.exp(-4 * u)
    }[kind]  # fmt: skip
    held, level = [], []
    for seed in range(40):
        found = drawn(changes_of(truth, 0.1, seed))
        low, high = np.quantile(found, [0.05, 0.95], axis=0)
        held.append((low <= truth) & (truth <= high))
        low, high = np.quantile(found.mean(axis=1), [0.05, 0.95])
        level.append(low <= truth.mean() <= high)
    assert np.mean(held) >= 0.85 and np.mean(level) >= 0.85


def test_more_cells_less_noise_and_more_errors_tell_more() -> None:
    truth = np.full(len(SIZES), -0.1)
    clean, noisy = (np.std(drawn(changes_of(truth, s, 1)).mean(axis=1)) for s in (0.02, 0.3))
    assert clean < 0.5 * noisy
    few = changes_of(truth, 0.1, 1, errors=4.0)
    many = replace(few, errors_made=np.full(len(few), 400.0))
    assert np.std(drawn(many).mean(axis=1)) <= 1.1 * np.std(drawn(few).mean(axis=1))


def test_cells_of_one_draw_share_its_luck() -> None:
    apart = changes_of(np.full(len(SIZES), -0.1), 0.02, 2)
    one = replace(apart, draws=np.ones((len(apart), 1)))
    assert np.std(drawn(one).mean(axis=1)) > np.std(drawn(apart).mean(axis=1))
    assert np.std(drawn(one).mean(axis=1)) > 0.5 * TOGETHER


def test_one_cell_gone_wrong_moves_little() -> None:
    fine = changes_of(np.full(len(SIZES), -0.1), 0.03, 3)
    change = fine.change.copy()
    change[-1] = 2.0
    before, after = (np.median(drawn(c), axis=0) for c in (fine, replace(fine, change=change)))
    assert np.abs(after - before).max() < 0.1


def test_the_same_generator_draws_the_same() -> None:
    changes = changes_of(np.full(len(SIZES), -0.1), 0.1, 4)
    assert np.array_equal(drawn(changes), drawn(changes))
    assert drawn(changes, 7).shape == (7, len(SIZES))
