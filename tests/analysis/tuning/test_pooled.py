"""The model of all search trials: finds best values that move, and says when it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.table.trials import FloatArray
from analysis.tuning.pooled import Searched, _columns, _Model, bounded_above, pooled_best
from analysis.tuning.robust import Cells


def made(
    cells: int = 24, each: int = 3, *, noise: float = 0.15, effect: float = 0.8, seed: int = 0
) -> tuple[Searched, FloatArray]:
    """Search trials whose best first value moves with the first coordinate, and where it lies."""
    rng = np.random.default_rng(seed)
    cell = np.repeat(np.arange(cells), each)
    places = rng.uniform(-1.0, 1.0, (cells, 2))
    u = rng.uniform(-1.0, 1.0, (len(cell), 3))
    u[:, 2] = rng.integers(0, 3, len(cell))
    best = 0.6 * places[:, 0]
    y = -2.0 + 0.5 * places[cell, 1] + rng.normal(0.0, 0.3, cells)[cell]
    y += effect * (u[:, 0] - best[cell]) ** 2 + 0.5 * effect * (u[:, 2] != 1.0)
    y += rng.normal(0.0, noise, len(y))
    trials = Searched(y=y, u=u, choices=(0, 0, 3), place=places[cell], cell=cell)
    return trials, best


def test_the_best_value_that_moves_with_size_is_found_in_each_cell() -> None:
    trials, best = made()
    found = pooled_best(trials)
    assert found is not None
    assert np.sqrt(np.mean((found[:, 0] - best) ** 2)) < 0.2
    own = [trials.u[trials.cell == c][np.argmin(trials.y[trials.cell == c]), 0] for c in range(24)]
    assert np.mean((found[:, 0] - best) ** 2) < 0.2 * np.mean((own - best) ** 2)


def test_the_best_choice_of_a_category_is_found() -> None:
    found = pooled_best(made()[0])
    assert found is not None
    assert (found[:, 2] == 1.0).mean() > 0.9


def test_one_trial_a_cell_is_enough_where_cells_are_many() -> None:
    trials, best = made(60, 1)
    found = pooled_best(trials)
    assert found is not None
    assert np.sqrt(np.mean((found[:, 0] - best) ** 2)) < 0.4


def test_values_lie_within_the_range_searched() -> None:
    trials, _ = made()
    slope = Searched(
        y=trials.u[:, 0] + 0.01 * trials.y,
        u=trials.u,
        choices=trials.choices,
        place=trials.place,
        cell=trials.cell,
    )
    found = pooled_best(slope)
    assert found is not None
    assert (found[:, 0] == -1.0).all()


def test_where_nothing_matters_cells_are_left_to_themselves() -> None:
    trials, _ = made(effect=0.0, noise=1e-4)
    found = pooled_best(trials)
    assert found is not None
    assert np.isnan(found).all()


def test_trials_without_scatter_tell_nothing() -> None:
    trials, _ = made()
    same = Searched(
        y=np.zeros(len(trials.y)),
        u=trials.u,
        choices=trials.choices,
        place=trials.place,
        cell=trials.cell,
    )
    assert pooled_best(same) is None


def test_what_diverged_rules_nothing_but_its_values_are_avoided() -> None:
    trials, best = made()
    y = np.where(trials.u[:, 0] > 0.7, math.inf, trials.y)
    for c in range(24):  # each cell has one that ended well
        if not np.isfinite(y[trials.cell == c]).any():
            y[trials.cell == c] = trials.y[trials.cell == c]
    diverged = Searched(
        y=y, u=trials.u, choices=trials.choices, place=trials.place, cell=trials.cell
    )
    found = pooled_best(diverged)
    assert found is not None
    assert (found[:, 0] < 0.75).all()
    assert np.sqrt(np.mean((found[:, 0] - best) ** 2)) < 0.35


def test_bounds_keep_the_order_of_usual_trials() -> None:
    y = np.array([0.0, 0.1, 0.2, 0.0, 0.2, math.inf, 5.0, 0.0])
    found = bounded_above(y, Cells.of(np.array([0, 0, 0, 1, 1, 1, 2, 2])))
    assert np.isfinite(found).all()
    assert found[[0, 1, 2, 3, 4, 7]] == pytest.approx(y[[0, 1, 2, 3, 4, 7]])
    assert found[5] > found[4]
    assert found[6] < 5.0


def test_many_trials_are_thinned_to_whole_cells_and_all_cells_are_told() -> None:
    trials, best = made(150, 3)
    found = pooled_best(trials)
    assert found is not None
    assert found.shape == (150, 3)
    assert np.sqrt(np.mean((found[:, 0] - best) ** 2)) < 0.15


def test_the_same_trials_give_the_same_values() -> None:
    first, second = pooled_best(made()[0]), pooled_best(made()[0])
    assert first is not None
    assert second is not None
    assert (first == second).all()


def test_the_gradient_is_that_of_the_loss() -> None:
    trials, _ = made(8, 3)
    model = _Model.of(trials.y, _columns(trials.u, trials.choices), trials.place, trials.cell)
    assert model is not None
    theta = model.mean + np.random.default_rng(1).normal(0.0, 0.3, len(model.mean))
    for t, slope in enumerate(model.loss(theta)[1]):
        step = 1e-5 * (np.arange(len(theta)) == t)
        rise = model.loss(theta + step)[0] - model.loss(theta - step)[0]
        assert slope == pytest.approx(rise / 2e-5, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e3])
def test_any_scale_of_differences_within_cells_can_be_told(scale: float) -> None:
    trials, _ = made()
    level = 0.7 * trials.cell
    within = Searched(
        y=level + scale * (trials.u[:, 0] ** 2),
        u=np.round(trials.u),  # many are equal
        choices=trials.choices,
        place=trials.place,
        cell=trials.cell,
    )
    found = pooled_best(within)
    assert found is not None
    assert (np.isnan(found) | (np.abs(found) <= 2.0)).all()
