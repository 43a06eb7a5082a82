from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from study.training.convergence import divergence, still_improving
from study.training.settings import CurvePoint


def curve(losses: Iterable[float]) -> list[CurvePoint]:
    return [
        CurvePoint(step=20 * (i + 1), train_loss=1.0, val_loss=float(loss), val_error=0.5)
        for i, loss in enumerate(losses)
    ]


def noisy(trend: np.ndarray, noise: float, seed: int) -> list[CurvePoint]:
    return curve(trend + noise * np.random.default_rng(seed).standard_normal(len(trend)))


def test_a_loss_that_falls_to_the_end_is_still_improving() -> None:
    assert still_improving(curve(np.geomspace(2, 0.5, 20)))


@pytest.mark.parametrize(
    "losses",
    [
        [1.0] * 20,
        np.linspace(0.5, 0.9, 20),
        [2 * 0.5**i + 0.3 for i in range(20)],
        [1.0] * 10 + [0.5, 0.4, 0.3, 0.25, 0.22, 0.2, 0.21, 0.21, 0.21, 0.21],
        [1.0, 0.5],
        [],
    ],
    ids=["flat", "rising", "levelled off", "past its best", "too short", "empty"],
)
def test_a_loss_that_has_settled_is_not(losses: Iterable[float]) -> None:
    assert not still_improving(curve(losses))


def test_noise_alone_seldom_looks_like_improvement() -> None:
    false_alarms = sum(still_improving(noisy(np.ones(40), 0.05, seed)) for seed in range(400))

    # One-sided, two standard errors with 18 degrees of freedom: 3% of the flat curves, of which
    # fewer have their best point in the last tenth.
    assert false_alarms <= 12


def test_a_fall_is_seen_through_noise() -> None:
    trend = np.linspace(2, 1, 40)

    assert sum(still_improving(noisy(trend, 0.02, seed)) for seed in range(100)) >= 95


def test_a_cosine_that_ends_flat_does_not_hide_a_fall() -> None:
    progress = np.cumsum(1 + np.cos(np.linspace(0, np.pi, 20)))

    assert still_improving(curve(2.3 - progress / 20))


@pytest.mark.parametrize(
    ("train_loss", "val_loss", "words"),
    [
        (math.nan, 1.0, "training loss became nan by step 7"),
        (math.inf, 1.0, "training loss became inf"),
        (1.0, math.nan, "validation loss became nan"),
        (231.0, 1.0, "training loss exploded to 231"),
    ],
)
def test_divergence_has_a_reason(train_loss: float, val_loss: float, words: str) -> None:
    point = CurvePoint(step=7, train_loss=train_loss, val_loss=val_loss, val_error=0.5)

    assert words in divergence(point, chance_loss=2.3)


def test_a_large_validation_loss_is_only_overfitting() -> None:
    point = CurvePoint(step=7, train_loss=1e-6, val_loss=500.0, val_error=0.5)

    assert divergence(point, chance_loss=2.3) == ""
