"""Points that the model chooses: each is worth what it says, and they lie where they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.streams import Stream, generator
from analysis.tuning.next_points import Belief, gradient, improvement, lattice, next_points
from analysis.tuning.pooled import Searched, _columns, _Model, bounded_above
from analysis.tuning.robust import Cells
from tests.analysis.tuning.test_pooled import made


def beliefs(trials: Searched) -> list[Belief]:
    """What was believed of each cell, in the order in which cells were given their points."""
    found: list[Belief] = []

    def worth(belief: Belief) -> np.ndarray:
        found.append(belief)
        return improvement(belief)

    next_points(trials, worth, 0)
    return found


def test_what_is_believed_is_the_process_given_the_trials() -> None:
    trials, _ = made(8, 2)
    belief = beliefs(trials)[0]
    cell = generator(0, Stream.NEXT_POINTS).permutation(8)[0]
    looked = np.array([3, 50, 700, 900])
    n, u = len(trials.y), lattice(trials, 0)[looked]
    y = bounded_above(trials.y, Cells.of(trials.cell))
    model = _Model.of(y, _columns(trials.u, trials.choices), trials.place, trials.cell)
    assert model is not None
    theta = model.most_probable()
    place = trials.place[trials.cell == cell][0]
    more = replace(
        model,
        values=_columns(np.vstack([trials.u, u]), trials.choices),
        place=np.vstack([trials.place, np.tile(place, (4, 1))]),
        cell=np.append(trials.cell, [cell] * 4),
    )
    g, whole = more.parts(theta)[0], more.covariance(theta)
    told, of_g, of_y = whole[:n, :n], g[n:, :n], whole[n:, :n]
    np.testing.assert_allclose(belief.mean[looked], of_g @ np.linalg.solve(told, model.y))
    left = g[n:, n:] - of_g @ np.linalg.solve(told, of_g.T)
    np.testing.assert_allclose(belief.covariance[np.ix_(looked, looked)], left, atol=1e-12)
    left = g[n:, n:] - of_g @ np.linalg.solve(told, of_y.T)
    np.testing.assert_allclose(belief.told[np.ix_(looked, looked)], left, atol=1e-12)
    left = np.diag(whole[n:, n:] - of_y @ np.linalg.solve(told, of_y.T))
    np.testing.assert_allclose(belief.variance[looked], left)


def test_improvement_is_that_of_drawn_processes() -> None:
    belief = beliefs(made(8, 2)[0])[0]
    rng, m = np.random.default_rng(1), len(belief.mean)
    values, vectors = np.linalg.eigh(belief.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn = belief.mean[:, None] + root @ rng.normal(size=(m, 4000))
    better = np.maximum(drawn[np.argmin(belief.mean)] - drawn, 0.0)
    error = better.std(axis=1) / np.sqrt(4000)
    assert (np.abs(better.mean(axis=1) - improvement(belief)) < 5.0 * error + 1e-6).all()


def test_the_gradient_is_that_of_drawn_trials() -> None:
    belief = beliefs(made(8, 2)[0])[0]
    points = np.argsort(gradient(belief))[[-1, -100, -400]]
    z = np.random.default_rng(2).normal(size=20_000)
    for point in points:
        moved = belief.told[:, point] / np.sqrt(belief.variance[point])
        falls = belief.mean.min() - (belief.mean[:, None] + moved[:, None] * z).min(axis=0)
        expected = gradient(belief)[point]
        assert abs(falls.mean() - expected) < 0.02 * expected + 5.0 * falls.std() / np.sqrt(20_000)


def test_the_gradient_is_never_below_zero() -> None:
    for belief in beliefs(made(8, 2)[0]):
        assert (gradient(belief) > -1e-12).all()


def test_points_chosen_lessen_what_later_ones_are_worth() -> None:
    """Cells at one place, of which the model says the same, do not all try the same."""
    trials, _ = made(12, 2)
    same = replace(trials, place=np.zeros_like(trials.place))
    believed = beliefs(same)
    assert gradient(believed[-1]).max() < gradient(believed[0]).max()
    first, last = (np.diag(one.covariance) for one in (believed[0], believed[-1]))
    np.testing.assert_array_less(last, first)
    points = next_points(same, gradient, 0)
    assert points is not None
    assert len(np.unique(points, axis=0)) > 1


def test_points_lie_on_the_lattice_and_follow_from_the_seed() -> None:
    trials, _ = made(8, 2)
    points = next_points(trials, gradient, 0)
    again = next_points(trials, gradient, 0)
    assert points is not None
    assert again is not None
    np.testing.assert_array_equal(points, again)
    assert set(points[:, 2]) <= {0.0, 1.0, 2.0}
    steps = (points[:, :2] + 1.0) * 20.0
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)


def test_trials_without_scatter_choose_nothing() -> None:
    trials, _ = made()
    assert next_points(replace(trials, y=np.zeros(len(trials.y))), gradient, 0) is None
