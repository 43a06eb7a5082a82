"""Spaces: exact grids, conditions respected, digests that hold still, and Optuna's own trials."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.catalogue import CATALOGUE
from search_spaces.domains import Categorical, Float, Int
from search_spaces.errors import SpaceError
from search_spaces.space import Axis, Condition, SearchSpace

OPTIMIZER = Axis("optimizer", Categorical(("adamw", "sgd")), "nuisance")
MOMENTUM = Axis("momentum", Float(0.0, 0.99), "nuisance", when=Condition.equals("optimizer", "sgd"))
WIDTH = Axis("width", Int(1, 64, log=True), "scientific", (2, 4))
NORM = Axis("norm", Categorical(("none", "batch")), "scientific")
GROUPS = Axis("groups", Int(1, 8), "scientific", (1, 2, 4), Condition("norm", ("batch",)))
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


def test_grid_is_the_exact_product_and_conditions_do_not_multiply_it() -> None:
    grid = SPACE.grid()
    assert len(grid) == 2 * (1 + 3)
    assert len({tuple(point.items()) for point in grid}) == 8
    assert sum("groups" in point for point in grid) == 6
    assert all(("groups" in point) == (point["norm"] == "batch") for point in grid)
    assert list(grid[-1]) == ["groups", "width", "norm"]


def test_grid_without_conditions_runs_its_last_axis_fastest() -> None:
    depth = Axis("depth", Int(1, 4), "scientific", (2, 1))
    assert SearchSpace((WIDTH, depth)).grid() == (
        {"width": 2, "depth": 2},
        {"width": 2, "depth": 1},
        {"width": 4, "depth": 2},
        {"width": 4, "depth": 1},
    )
    assert SearchSpace((OPTIMIZER,)).grid() == ({},)


def test_a_condition_on_a_fixed_axis_decides_the_grid() -> None:
    when = Condition("norm", ("batch",))
    axes = (Axis("groups", Int(1, 8), "scientific", (1, 2), when), Axis.fixed("norm", "batch"))
    with pytest.raises(SpaceError, match="must list values of norm"):
        SearchSpace((axes[0], Axis.fixed("norm", "none")))
    assert SearchSpace(axes).grid() == ({"groups": 1}, {"groups": 2})
    none = Axis("norm", Categorical(("none", "batch")), "fixed", ("none",))
    assert SearchSpace((axes[0], none)).grid() == ({},)


def test_suggest_asks_a_real_optuna_trial_and_respects_conditions() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(30):
        trial = study.ask()
        values = SPACE.suggest(trial)
        assert ("momentum" in values) == (values["optimizer"] == "sgd")
        assert ("groups" in values) == (values["norm"] == "batch")
        assert values["l1"] == 0.0
        assert trial.params == {name: value for name, value in values.items() if name != "l1"}
        assert list(values) == [name for name in SPACE.names if name in values]
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
    if values["optimizer"] == "sgd":
        assert values["momentum"] == pytest.approx(0.99 * units[0])
    else:
        assert "momentum" not in values


def test_quasi_random_points_are_checked_and_may_hang_on_the_cell() -> None:
    with pytest.raises(ValueError, match="need 2 coordinates, got 1"):
        SPACE.from_units([0.5])
    dropout = Axis("dropout", Float(0.0, 0.5), "nuisance", when=Condition("width", (4,)))
    space = SearchSpace((WIDTH, dropout))
    assert space.from_units([0.5], {"width": 4}) == {"dropout": 0.25}
    assert space.from_units([0.5], {"width": 2}) == {}
    with pytest.raises(ValueError, match="dropout hangs on width"):
        space.from_units([0.5])


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ((WIDTH, WIDTH), "width: an axis of this name is there already"),
        ((MOMENTUM,), "momentum.when: must name another axis, got 'optimizer'"),
        (
            (Axis("optimiser", Categorical(("sgd",)), "nuisance"), MOMENTUM),
            "did you mean 'optimiser'?",
        ),
        (
            (
                Axis("a", Int(0, 1), "nuisance", when=Condition("b", (1,))),
                Axis("b", Int(0, 1), "nuisance", when=Condition("a", (1,))),
            ),
            "a.when: conditions run in a circle: a -> b -> a",
        ),
        (
            (Axis("a", Int(0, 1), "nuisance", when=Condition("a", (1,))),),
            "a.when: must name another axis, got 'a'",
        ),
        (
            (OPTIMIZER, Axis("w", Int(0, 1), "scientific", (0,), Condition("optimizer", ("sgd",)))),
            "w.when: a scientific axis cannot hang on the nuisance axis 'optimizer'",
        ),
        (
            (OPTIMIZER, Axis("w", Int(0, 1), "nuisance", when=Condition("optimizer", ("adam",)))),
            "w.when: must list values of optimizer",
        ),
    ],
)
def test_unsound_spaces_are_refused(axes: tuple[Axis, ...], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        SearchSpace(axes)
    assert message in str(caught.value)


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
        (lambda: Condition("a", ()), "must list values of a, got none"),
        (lambda: Condition("a", "b"), "put it in brackets"),  # type: ignore[arg-type]
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


def test_the_digest_is_golden() -> None:
    """Old results are found by it: change it only with a note in the changelog."""
    assert SPACE.digest() == "c9f0361073825f4b36587b649285c3786ce4885e7d83417ff19b2d96b911ac79"
    assert (
        CATALOGUE["mlp"]().digest()
        == "f8110c0c0b214e5600f5b67ebff067125e311c1a14b624a6ad604415c7cfb561"
    )


def test_the_digest_sees_every_change() -> None:
    variants = [
        SPACE,
        SPACE.replace(Axis("width", Int(1, 64, log=True), "scientific", (2, 4, 8))),
        SPACE.replace(Axis("width", Int(1, 64), "scientific", (2, 4))),
        SPACE.replace(Axis("width", Int(1, 65, log=True), "scientific", (2, 4))),
        SPACE.replace(Axis("momentum", Float(0.0, 0.99), "nuisance")),
        SPACE.replace(Axis.fixed("l1", 0.1)),
        SearchSpace(tuple(reversed(SPACE.axes))),
    ]
    assert len({space.digest() for space in variants}) == len(variants)


@pytest.mark.parametrize("family", CATALOGUE)
def test_every_default_space_has_the_axes_of_the_question(family: str) -> None:
    space = CATALOGUE[family]()
    assert [axis.name for axis in space.scientific] == ["width", "depth", "prune_ratio"]
    assert [axis.name for axis in space.nuisance] == ["learning_rate", "weight_decay", "dropout"]
    assert {axis.name: axis.value for axis in space.fixed} == {"l1": 0.0, "label_smoothing": 0.0}
    assert space["prune_ratio"].values[0] == 0.0
    assert CATALOGUE[family]() == space


def test_the_default_perceptron_grid_is_the_published_one() -> None:
    space = CATALOGUE["mlp"]()
    assert space["width"].values == (4, 8, 16, 24, 32, 64, 128, 256)
    assert space["depth"].values == (1, 2)
    assert len(space.grid()) == 8 * 2 * 2
