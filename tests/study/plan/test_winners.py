"""Winners by the model: values of each axis, from the search of all cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.domains import Categorical, Float, Int
from search_spaces.space import Axis
from study.plan.design import Cell, cells, slots
from study.plan.winners import Tried, _unit, _value, lacking, pooled_winners
from study.record import Value
from study.spec.study_file import StudySpec, parse_spec


def spec_of(**changes: Any) -> StudySpec:
    raw: dict[str, Any] = {
        "data": {"sizes": [80, 320, 1280]},
        "space": {"width": [4, 16, 64, 256], "depth": [1, 2], "prune_ratio": [0.0]},
        "search": {"trials": 3},
        "study": {"routes": ["train"]},
    }
    return parse_spec({**raw, **changes}, base=Path.cwd())


def best_rate(cell: Cell) -> float:
    """The wider, the smaller."""
    return 0.02 * (float(cell.capacity["width"]) / 4) ** -0.5


def error_of(cell: Cell, params: Mapping[str, Value], seed: int) -> float:
    """An error that is lowest at the best rate and without dropout, with some luck."""
    off = math.log(float(params["learning_rate"]) / best_rate(cell))
    luck = np.random.default_rng(seed).normal(0.0, 0.1)
    return 0.1 * math.exp(0.2 * off**2 + float(params["dropout"]) + luck)


def searched(spec: StudySpec) -> list[Tried]:
    names = [axis.name for axis in spec.space.nuisance]
    return [
        Tried(
            cell=slot.cell,
            values={name: slot.params[name] for name in names},
            error=error_of(slot.cell, slot.params, slot.seed),
        )
        for slot in slots(spec)
        if slot.phase == "search"
    ]


def test_the_winner_moves_with_size_as_the_best_value_does() -> None:
    spec = spec_of()
    found = pooled_winners(spec.space.nuisance, searched(spec))
    assert found.keys() == {cell.name for cell in cells(spec)}
    off = [
        math.log(float(found[cell.name]["learning_rate"]) / best_rate(cell)) for cell in cells(spec)
    ]
    assert np.sqrt(np.mean(np.square(off))) < 0.5
    assert all(float(values["dropout"]) < 0.1 for values in found.values())
    for values in found.values():
        assert all(axis.domain.contains(values[axis.name]) for axis in spec.space.nuisance)


def test_a_cell_of_which_all_failed_has_none_and_the_others_have_theirs() -> None:
    spec = spec_of()
    every = searched(spec)
    gone = every[0].cell.name
    tried = [
        Tried(cell=one.cell, values=one.values, error=math.inf) if one.cell.name == gone else one
        for one in every
    ]
    found = pooled_winners(spec.space.nuisance, tried)
    assert found.keys() == {cell.name for cell in cells(spec)} - {gone}


@pytest.mark.parametrize("error", [math.inf, 0.0, -1.0])
def test_errors_without_logarithms_leave_cells_to_themselves(error: float) -> None:
    spec = spec_of()
    tried = [Tried(cell=one.cell, values=one.values, error=error) for one in searched(spec)]
    assert pooled_winners(spec.space.nuisance, tried) == {}


@pytest.mark.parametrize("n", [0, 1, 7, 8])
def test_too_few_trials_leave_cells_to_themselves(n: int) -> None:
    spec = spec_of()
    assert bool(pooled_winners(spec.space.nuisance, searched(spec)[:n])) == (n >= 8)


def test_a_study_whose_trials_are_too_few_for_a_model_says_so() -> None:
    small = {"data": {"sizes": [80]}, "space": {"width": [4, 8], "depth": [1]}}

    def said(**changes: Any) -> str:
        return lacking(parse_spec({**small, **changes}, base=Path.cwd()))

    text = "6 in all are too few for a model of them, which asks for 8 (search.trials)"
    assert said().endswith(text)
    assert not said(search={"trials": 4})
    assert not said(search={"winner": "best"})
    fixed = {"learning_rate": 0.01, "weight_decay": 0.0, "dropout": 0.0}
    assert not said(space={**small["space"], **fixed})  # nothing is searched
    # Students, whose axes are their own, have a model of their own.
    taught = {"study": {"routes": ["train", "distill"]}}
    assert "8 in all" in said(**taught, search={"trials": 4})
    assert not said(**taught, search={"trials": 6})


def test_some_errors_of_zero_are_less_than_the_least() -> None:
    spec = spec_of()
    every = searched(spec)
    tried = [Tried(cell=every[0].cell, values=every[0].values, error=0.0), *every[1:]]
    assert pooled_winners(spec.space.nuisance, tried)


@pytest.mark.parametrize(
    ("domain", "u", "value"),
    [
        (Float(0.001, 0.1, log=True), 0.0, 0.01),
        (Float(0.0, 0.3), 1.0, 0.3),
        (Float(0.0, 1.0, step=0.25), 0.3, 0.75),
        (Int(1, 8), 0.1, 5),
        (Int(1, 100, log=True), 0.0, 10),
        (Int(0, 12, step=4), 0.5, 8),
        (Int(1, 3), -1.0, 1),
    ],
)
def test_places_are_values_of_the_domain(domain: Float | Int, u: float, value: float) -> None:
    axis = Axis("x", domain, "nuisance")
    found = _value(axis, u)
    assert found == pytest.approx(value)
    assert type(found) is type(domain.low)
    assert domain.contains(found)
    assert _value(axis, _unit(axis, found)) == found


def test_choices_that_only_look_alike_are_told_apart() -> None:
    axis = Axis("x", Categorical((1, 1.0, True, "1")), "nuisance")
    choices: tuple[Value, ...] = (1, 1.0, True, "1")
    for place, choice in enumerate(choices):
        assert _unit(axis, choice) == place
        assert type(_value(axis, float(place))) is type(choice)
