"""The design is exact, complete, and a function of the study alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.plan.design import cells, n_search, n_trials, prune_ratios, relative_cost, seed_of, slots
from study.spec.study_file import StudySpec, load_spec, parse_spec


def spec_of(**sections: Any) -> StudySpec:
    return parse_spec(sections, base=Path.cwd())


def test_the_number_of_trials_is_exactly_what_the_file_says() -> None:
    spec = spec_of(
        data={"sizes": [80, 160]},
        space={"width": [2, 4, 8], "depth": [1], "prune_ratio": [0.0, 0.5]},
        search={"trials": 5},
        replicates={"draws": 2, "seeds_per_draw": 2},
    )
    every = list(slots(spec))
    assert len(cells(spec)) == 6
    assert sum(slot.phase == "search" for slot in every) == 6 * 5
    assert sum(slot.phase == "replicate" for slot in every) == 6 * 4 * 2
    assert len({slot.name for slot in every}) == len(every)
    assert prune_ratios(spec) == (0.0, 0.5)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"space": {"prune_ratio": [0.0, 0.5, 0.9]}, "pruning": {"scopes": ["global", "layerwise"]}},
        {"study": {"routes": ["train", "distill"]}, "search": {"trials": 2}},
        {
            "study": {"routes": ["train", "prune", "distill"]},
            "distillation": {"teachers": ["best"]},
        },
        {"space": {"dropout": 0.1, "weight_decay": 0.0, "learning_rate": 0.01}},
        {"study": {"routes": ["train", "distill"]}, "replicates": {"draws": 3, "longer": 2}},
    ],
)
def test_trials_are_counted_without_being_laid_out(sections: dict[str, Any]) -> None:
    spec = spec_of(**sections)
    assert n_trials(spec) == len(list(slots(spec)))


def test_trials_beyond_all_memory_are_counted_too() -> None:
    spec = spec_of(
        search={"trials": 99_999}, replicates={"draws": 99_999, "seeds_per_draw": 99_999}
    )
    assert n_trials(spec) > 10**11


def test_seeds_differ_between_units_and_are_shared_within_one() -> None:
    every = list(slots(load_spec(None)))
    by_unit: dict[str, set[int]] = {}
    for slot in every:
        by_unit.setdefault(slot.unit, set()).add(slot.seed)
    assert all(len(seeds) == 1 for seeds in by_unit.values())
    assert len({next(iter(seeds)) for seeds in by_unit.values()}) == len(by_unit)


def test_search_uses_draw_zero_and_replicates_fresh_ones() -> None:
    spec = spec_of(replicates={"draws": 3, "seeds_per_draw": 2})
    for slot in slots(spec):
        if slot.phase == "search":
            assert slot.draw == 0
            assert slot.prune_ratio == 0.0
        else:
            assert slot.draw == 1 + slot.index // 2
    draws = {slot.draw for slot in slots(spec) if slot.phase == "replicate"}
    assert draws == {1, 2, 3}


def test_longer_trials_repeat_replicates_and_stay_when_the_study_grows() -> None:
    changes: dict[str, Any] = {"data": {"sizes": [80, 160]}}
    some = spec_of(**changes, replicates={"draws": 4, "seeds_per_draw": 2, "longer": 3})
    more = spec_of(**changes, replicates={"draws": 4, "seeds_per_draw": 2, "longer": 5})
    none = spec_of(**changes, replicates={"draws": 4, "seeds_per_draw": 2})
    longer = [slot for slot in slots(some) if slot.phase == "longer"]
    assert len(longer) == 3 * len(cells(some))
    assert [slot for slot in slots(some) if slot.phase != "longer"] == list(slots(none))
    assert some.digest() == none.digest()
    by_name = {slot.name: slot for slot in slots(more)}
    assert all(by_name[slot.name] == slot for slot in longer)
    for slot in longer:
        pair = by_name[slot.name.replace("-longer", "-replicate")]
        assert (slot.seed, slot.draw, slot.params) == (pair.seed, pair.draw, pair.params)
        assert (slot.length, pair.length, slot.unit) == (2, 1, slot.name)
    # A draw comes twice in a cell only once all have come, and cells begin with different ones.
    for cell in cells(some):
        assert len({slot.draw for slot in longer if slot.cell == cell}) == 3
    assert {slot.draw for slot in longer[::3]} == {1, 2, 3, 4}


def test_students_are_not_trained_longer() -> None:
    spec = spec_of(
        study={"routes": ["train", "distill"]},
        space={"width": [4, 8], "depth": [1]},
        replicates={"longer": 1},
    )
    assert {slot.cell.teacher for slot in slots(spec) if slot.phase == "longer"} == {""}


@pytest.mark.parametrize("sampler", ["halton", "random"])
def test_search_points_lie_in_the_space_and_depend_on_nothing_but_the_study(sampler: str) -> None:
    spec = spec_of(search={"sampler": sampler, "trials": 7})
    first, again = list(slots(spec)), list(slots(spec))
    assert first == again
    searches = [slot for slot in first if slot.phase == "search"]
    for slot in searches:
        for axis in spec.space.nuisance:
            assert axis.domain.contains(slot.params[axis.name])
    cell = [slot.params["dropout"] for slot in searches if slot.cell == searches[0].cell]
    assert len(set(cell)) == 7
    other = spec_of(search={"sampler": sampler, "trials": 7}, study={"seed": 1})
    assert [slot.params for slot in slots(other)] != [slot.params for slot in first]


@pytest.mark.slow
def test_quasi_random_points_cover_each_axis_more_evenly_than_random_ones() -> None:
    def worst_gap(sampler: str) -> float:
        spec = spec_of(search={"sampler": sampler, "trials": 16})
        gaps = []
        for cell in cells(spec):
            values = sorted(
                float(slot.params["dropout"])
                for slot in slots(spec)
                if slot.phase == "search" and slot.cell == cell
            )
            gaps.append(max(b - a for a, b in zip([0.0, *values], [*values, 0.3], strict=True)))
        return sum(gaps) / len(gaps)

    assert worst_gap("halton") < 0.75 * worst_gap("random")


def test_the_adaptive_sampler_leaves_nuisance_values_open() -> None:
    slot = next(iter(slots(spec_of(search={"sampler": "tpe"}))))
    assert "learning_rate" not in slot.params
    assert "width" in slot.params


def test_nothing_is_searched_where_nothing_varies() -> None:
    fixed = {"learning_rate": 0.01, "weight_decay": 0.0, "dropout": 0.0}
    spec = spec_of(space=fixed)
    assert n_search(spec) == 0
    assert all(slot.phase == "replicate" for slot in slots(spec))


def test_a_seed_is_stable_across_versions_and_in_range() -> None:
    assert seed_of(0, "a") == seed_of(0, "a") == 2006323959
    assert 0 <= seed_of(3, "b", 1.5) < 2**31


def test_a_larger_cell_costs_more() -> None:
    spec = load_spec(None)
    every = cells(spec)
    assert relative_cost(spec, every[-1]) > relative_cost(spec, every[0])
