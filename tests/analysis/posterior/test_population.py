"""Samples made finer where the weight is: sums over them tend to the integral they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.posterior import features, shapes
from analysis.posterior.population import Population, carrying, next_generation
from analysis.table.trials import FloatArray, IntArray

ACTIVE = np.array([[False, False], [True, False], [True, True]])
PRIOR = np.array([0.2, 0.3, 0.5])
BOXES = (np.zeros((3, 2)), np.ones((3, 2)))


def density(group: IntArray, place: FloatArray) -> FloatArray:
    """Even over (0, 1) in each coordinate that a group has."""
    inside = (((place > 0.0) & (place < 1.0)) | ~ACTIVE[group]).all(axis=1)
    return np.where(inside, np.log(PRIOR)[group], -np.inf)


def likelihood(place: FloatArray, group: IntArray, width: float) -> FloatArray:
    """Log of normal bumps about (.31, .62), of the same width in every coordinate."""
    away = (place - np.array([0.31, 0.62])) / width
    return np.asarray(-0.5 * np.where(ACTIVE[group], away**2, 0.0).sum(axis=1) - 9.0 * (group == 0))


@pytest.mark.parametrize("width", [0.1, 0.01, 0.003])
def test_the_evidence_of_a_narrow_posterior_is_found_by_generations(width: float) -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [1, 200, 400])
    place = np.where(ACTIVE[group], rng.random((len(group), 2)), 0.0)
    log_prior = np.log(PRIOR / np.array([1, 200, 400]))[group]
    members = Population(group=group, place=place, log_prior=log_prior)
    for _ in range(6):
        weight = members.log_prior + likelihood(members.place, members.group, width)
        members = next_generation(members, weight, ACTIVE, BOXES, density, 600, rng)
    weight = members.log_prior + likelihood(members.place, members.group, width)
    truth = np.log([
        PRIOR[0] * math.exp(-9.0),
        PRIOR[1] * width * math.sqrt(2.0 * math.pi),
        PRIOR[2] * width**2 * 2.0 * math.pi,
    ])  # fmt: skip
    assert np.logaddexp.reduce(weight) == pytest.approx(np.logaddexp.reduce(truth), abs=0.15)
    assert carrying(weight[members.group > 0]) > 60
    mean = np.average(members.place[members.group == 1, 0], weights=np.exp(
        weight[members.group == 1] - weight.max()
    ))  # fmt: skip
    assert mean == pytest.approx(0.31, abs=0.3 * width)


def test_members_without_coordinates_stay_and_nobody_leaves_the_prior() -> None:
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1], [1, 50])
    place = np.where(ACTIVE[group], rng.random((51, 2)), 0.0)
    members = Population(group=group, place=place, log_prior=np.full(51, -math.log(51)))
    found = next_generation(members, members.log_prior.copy(), ACTIVE, BOXES, density, 200, rng)
    assert (found.group == 0).sum() == 1
    assert ((found.place[found.group == 1, 0] > 0) & (found.place[found.group == 1, 0] < 1)).all()
    assert not found.place[found.group == 1, 1].any()


def test_no_group_of_features_loses_its_prior_over_generations_without_evidence() -> None:
    prior = np.array([group.prior for group in features.GROUPS])
    low, high = features.boxes()
    kept = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        group = rng.choice(len(prior), 180, p=prior / prior.sum())
        place = np.where(
            features.ACTIVE[group], low[group] + (high - low)[group] * rng.random((180, 5)), 0.0
        )
        alike = features.ALIKE[group]
        swap = alike & (place[:, 0] > place[:, 3])
        place[swap] = place[swap][:, [3, 4, 2, 0, 1]]
        members = Population(
            group=group, place=place, log_prior=np.full(180, math.log(prior.sum() / 180))
        )
        for _ in range(7):
            members = next_generation(
                members, members.log_prior, features.ACTIVE, features.boxes(),
                features.log_density, 90, rng,
            )  # fmt: skip
        mass = np.bincount(members.group, np.exp(members.log_prior), minlength=len(prior))
        kept.append(mass)
    kind = np.array([group.kind for group in features.GROUPS])
    assert (np.sum(kept, axis=0) > 0.0).all()  # none is out of reach for good
    for one in ("hump", "bend", "step", "pair"):
        mass = np.array(kept)[:, kind == one].sum(axis=1)
        assert mass.mean() == pytest.approx(prior[kind == one].sum(), rel=0.15), one


def test_no_kind_of_shape_loses_its_prior_over_generations_without_evidence() -> None:
    x = np.log(1000.0 * 2.0 ** np.arange(6))
    rng = np.random.default_rng(4)
    coarse = shapes.coarse_shapes(x)
    found = shapes.refine_shapes(coarse, np.zeros(len(coarse.log_prior)), x, rng)
    for _ in range(7):
        found = shapes.finer_shapes(found, np.zeros(len(found.log_prior)), x, rng)
    mass = np.bincount(found.group, np.exp(found.log_prior), minlength=len(shapes.GROUP_PRIOR))
    assert mass == pytest.approx(shapes.GROUP_PRIOR, rel=0.3)
    assert mass.sum() == pytest.approx(1.0, abs=0.1)


def test_the_coarse_grid_of_shapes_has_the_whole_prior_and_its_density_is_that_of_the_cells() -> (
    None
):
    group, _, _, log_prior = shapes._unit_grid()
    for g, prior in enumerate(shapes.GROUP_PRIOR):
        assert np.exp(log_prior[group == g]).sum() == pytest.approx(prior)
    # Over random places in the cells the density adds up to the prior of the group, too.
    rng = np.random.default_rng(2)
    low, high, _, _ = shapes._ranges()
    for g, active in enumerate(shapes.ACTIVE):
        n = 40_000
        at = np.where(active, low + (high - low) * rng.random((n, len(low))), 0.0)
        volume = float(np.prod((high - low)[active]))
        mass = np.exp(shapes.log_density(np.full(n, g), at)).mean() * volume
        assert mass == pytest.approx(shapes.GROUP_PRIOR[g], rel=0.02)


def test_the_density_of_features_adds_up_to_their_prior() -> None:
    low, high = features.boxes()
    rng = np.random.default_rng(3)
    for g, group in enumerate(features.GROUPS):
        active = features.ACTIVE[g]
        at = np.where(active, low[g] + (high[g] - low[g]) * rng.random((4000, 5)), 0.0)
        volume = float(np.prod((high[g] - low[g])[active]))
        found = np.exp(features.log_density(np.full(4000, g), at)) * volume
        # Of two alike half of the box has twice the density: the first stands before the second.
        assert found.mean() == pytest.approx(group.prior, rel=0.06)
        assert found.max() == pytest.approx(group.prior * (2.0 if features.ALIKE[g] else 1.0))


def test_a_hump_is_skewed_and_a_bend_and_a_step_are_what_they_say() -> None:
    at = np.linspace(0.0, 1.0, 2001)
    place = np.array([[0.5, math.log(0.05), 0.5, 0.0, 0.0]])
    by_kind = {g.kind: k for k, g in reversed(list(enumerate(features.GROUPS)))}
    hump, _ = features.columns(np.array([by_kind["hump"]]), place, at, np.ones(1))
    above = at[hump[0] > math.exp(-0.5)]
    assert (0.5 - above[0]) / (above[-1] - 0.5) == pytest.approx(math.exp(1.0), rel=0.03)
    place[0, 2] = 0.0
    step, _ = features.columns(np.array([by_kind["step"]]), place, at, np.ones(1))
    assert (step[0, 0], step[0, 1000], step[0, -1]) == pytest.approx((0.0, 0.5, 1.0), abs=1e-3)
    bend, _ = features.columns(np.array([by_kind["bend"]]), place, at, np.ones(1))
    assert np.gradient(bend[0], at)[[5, -5]] == pytest.approx([0.0, 1.0], abs=1e-3)
