from __future__ import annotations

import itertools
import math

import pytest

from study.training.optimizers import learning_rates
from study.training.settings import TrainSettings


def rates(**changes: object) -> tuple[float, ...]:
    return learning_rates(
        TrainSettings(family="mlp", width=1, depth=1, learning_rate=2.0, **changes)  # type: ignore[arg-type]
    )


def test_warm_up_is_linear_and_the_peak_follows_it() -> None:
    assert rates(steps=8, warmup_fraction=0.5)[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])


def test_a_cosine_falls_from_the_peak_towards_zero() -> None:
    values = rates(steps=100, warmup_fraction=0.0)

    assert values[0] == 2.0
    assert values[50] == pytest.approx(1.0)
    assert values[99] == pytest.approx(1 + math.cos(math.pi * 0.99))
    assert all(a > b > 0 for a, b in itertools.pairwise(values))


def test_a_constant_schedule_stays_at_the_peak() -> None:
    assert rates(steps=4, warmup_fraction=0.25, schedule="constant") == (1.0, 2.0, 2.0, 2.0)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 1.0])
def test_there_is_one_rate_a_step(schedule: str, steps: int, warmup: float) -> None:
    values = rates(steps=steps, warmup_fraction=warmup, schedule=schedule)

    assert len(values) == steps
    assert all(0 < value <= 2 for value in values)
