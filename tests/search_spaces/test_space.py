"""Spaces: exact grids, sound axes, and Optuna's own trials."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.domains import Categorical, Float, Int
from search_spaces.errors import SpaceError
from search_spaces.space import Axis, SearchSpace

OPTIMIZER = Axis("optimizer", Categorical(("adamw", "sgd")), "nuisance")
MOMENTUM = Axis("momentum", Float(0.0, 0.99), "nuisance")
WIDTH = Axis("width", Int(1, 64, log=True), "scientific", (2, 4))
NORM = Axis("norm", Categorical(("none", "batch")), "scientific")
GROUPS = Axis("groups", Int(1, 8), "scientific", (1, 2, 4))
SPACE = SearchSpace((MOMENTUM, GROUPS, WIDTH, OPTIMIZER, NORM, Axis.fixed("l1", 0.0)))


def test_roles_sort_the_axes() -> None:
    assert [axis.name for axis in SPACE.scientific] == ["groups", "width", "norm"]
    assert [axis.name for axis in SPACE.nuisance] == ["momentum", "optimizer"]
    assert [axis.name for axis in SPACE.fixed] == ["l1"]
    assert SPACE.n_nuisance == 2
    assert SPACE["l1"].value == 0.0
    assert "width" in SPACE and "wdith" not in SPACE
    with pytest.raises(KeyError, match="did you mean 'width'"):
        SPACE["wdith"]
    with pytest.raises(ValueError, match="width: only a fixed axis has one value"):
        _ = SPACE["width"].value


def test_grid_is_the_exact_product_of_the_scientific_axes() -> None:
    grid = SPACE.grid()
    assert len(grid) == 3 * 2 * 2
    assert len({tuple(point.items()) for point in grid}) == 12
    assert list(grid[-1]) == ["groups", "width", "norm"]


def test_grid_runs_its_last_axis_fastest() -> None:
    depth = Axis("depth", Int(1, 4), "scientific", (2, 1))
    assert SearchSpace((WIDTH, depth)).grid() == (
        {"width": 2, "depth": 2},
        {"width": 2, "depth": 1},
        {"width": 4, "depth": 2},
        {"width": 4, "depth": 1},
    )
    assert SearchSpace((OPTIMIZER,)).grid() == ({},)


def test_suggest_asks_a_real_optuna_trial() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(30):
        trial = study.ask()
        values = SPACE.suggest(trial)
        assert values["l1"] == 0.0
        assert trial.params == {name: value for name, value in values.items() if name != "l1"}
        assert tuple(values) == SPACE.names
        seen.add(values["optimizer"])
        study.tell(trial, 0.0)
    assert seen == {"adamw", "sgd"}


@pytest.mark.parametrize(
    "domain",
    [
        Float(0.1, 1.0, log=True),
        Float(0.0, 1.0, step=0.25),
        Int(1, 9, log=True),
        Int(0, 9, step=3),
        Categorical(("a", 2, True)),
    ],
    ids=str,
)
def test_optuna_sees_the_domain_as_it_is(domain: Float | Int | Categorical) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        trial = study.ask()
        value = SearchSpace((Axis("a", domain, "nuisance"),)).suggest(trial)["a"]
        assert domain.contains(value)
        study.tell(trial, 0.0)
    distribution = study.trials[0].distributions["a"]
    if isinstance(domain, Categorical):
        assert isinstance(distribution, optuna.distributions.CategoricalDistribution)
        assert distribution.choices == domain.choices
    else:
        assert isinstance(
            distribution,
            optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution,
        )
        assert (distribution.low, distribution.high) == (domain.low, domain.high)
        assert distribution.log == domain.log
        assert distribution.step == (domain.step or (1 if isinstance(domain, Int) else None))


def test_enqueued_grid_points_come_back_as_they_were() -> None:
    study = optuna.create_study()
    for point in SPACE.grid():
        study.enqueue_trial(point)
    for point in SPACE.grid():
        trial = study.ask()
        values = SPACE.suggest(trial)
        assert {name: values[name] for name in point} == point
        study.tell(trial, 0.0)


@settings(deadline=None)
@given(units=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)))
def test_quasi_random_points_keep_their_coordinates(units: tuple[float, float]) -> None:
    values = SPACE.from_units(units)
    assert values["optimizer"] == ("adamw" if units[1] < 0.5 else "sgd")
    assert values["momentum"] == pytest.approx(0.99 * units[0])


def test_quasi_random_points_have_a_coordinate_for_each_nuisance_axis() -> None:
    with pytest.raises(ValueError, match="need 2 coordinates, got 1"):
        SPACE.from_units([0.5])


def test_a_name_belongs_to_one_axis() -> None:
    with pytest.raises(SpaceError, match="width: an axis of this name is there already"):
        SearchSpace((WIDTH, WIDTH))


def test_unsound_axes_are_refused() -> None:
    for build, message in [
        (lambda: Axis("", Int(0, 1), "nuisance"), "an axis needs a name"),
        (lambda: Axis("a", Int(0, 1), "nuissance"), "did you mean 'nuisance'?"),  # type: ignore[arg-type]
        (lambda: Axis("a", Int(0, 1), "scientific"), "a.values: a scientific axis needs values"),
        (
            lambda: Axis("a", Int(0, 1), "scientific", (0, 2)),
            "each must lie in its domain (0 to 1)",
        ),
        (lambda: Axis("a", Int(0, 1), "scientific", (0, 0)), "got 0 twice"),
        (lambda: Axis("a", Int(0, 1), "fixed"), "a fixed axis has exactly one, got 0"),
        (lambda: Axis("a", Int(0, 1), "fixed", (0, 1)), "a fixed axis has exactly one, got 2"),
        (lambda: Axis("a", Int(0, 1), "nuisance", (0,)), "tuned over its domain"),
        (lambda: Axis("a", Int(0, 1), "scientific", "01"), "must be a list"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(SpaceError) as caught:
            build()
        assert message in str(caught.value)


def test_values_take_the_type_of_their_domain() -> None:
    axis = Axis("prune_ratio", Float(0.0, 1.0), "scientific", (0, 0.5))
    assert axis.values == (0.0, 0.5)
    assert isinstance(axis.values[0], float)
    assert axis == Axis("prune_ratio", Float(0, 1), "scientific", (0.0, 0.5))
    assert Axis("flag", Categorical((True, 1)), "scientific").values == (True, 1)
    assert Axis("flag", Categorical((1, 2)), "nuisance", (1, 2)).values == ()


def test_replace_and_add_return_new_spaces() -> None:
    narrow = SPACE.replace(Axis.fixed("width", 4), Axis.fixed("optimizer", "sgd"))
    assert narrow.names == SPACE.names
    assert [axis.name for axis in narrow.fixed] == ["width", "optimizer", "l1"]
    assert SPACE["width"].role == "scientific"
    assert narrow.from_units([0.5]) == {"momentum": 0.495}
    with pytest.raises(SpaceError, match="no such axis to replace; did you mean 'width'"):
        SPACE.replace(Axis.fixed("widht", 4))
    assert SPACE.add(Axis.fixed("batch_size", 64)).names[-1] == "batch_size"
