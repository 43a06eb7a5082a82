"""What rounds add to a design: each trial once, after what was there, whoever lays it out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from study.errors import StudyFileError
from study.plan.design import cells, slots
from study.plan.rounds import (
    End,
    Round,
    Size,
    Wanted,
    counts,
    every_cell,
    fell_short,
    slots_with,
)
from study.spec.sections import Budget, DecideSection
from study.spec.space import between
from study.spec.study_file import StudySpec, parse_spec
from study.spec.writing import as_toml

ASKED = {"until": "decided", "target": 3.0}


def spec_of(**sections: Any) -> StudySpec:
    raw = {
        "data": {"sizes": [80, 160]},
        "space": {"width": {"low": 4, "high": 64}, "depth": [1], "prune_ratio": [0.0, 0.5]},
        "search": {"trials": 3},
        "replicates": {"draws": 2},
        "decide": {"target": 3},
    }
    return parse_spec({**raw, **sections}, base=Path.cwd())


def wanted(width: int, replicates: int, search: int = 3, n: int = 80) -> Wanted:
    capacity = {"width": width, "depth": 1}
    return Wanted(n_examples=n, capacity=capacity, replicates=replicates, search=search)


def test_a_round_adds_what_its_cells_lack_and_nothing_twice() -> None:
    spec = spec_of()
    first = Round(number=1, asked=ASKED, wanted=(wanted(4, 5), wanted(8, 2)))
    second = Round(number=2, asked=ASKED, wanted=(wanted(8, 3), wanted(4, 5)))
    design = [slot.name for slot in slots(spec)]
    names = [slot.name for slot in slots_with(spec, (first, second))]
    assert names[: len(design)] == design
    added = names[len(design) :]
    assert added == [
        "n80-width8-depth1-search0",
        "n80-width8-depth1-search1",
        "n80-width8-depth1-search2",
        "n80-width4-depth1-replicate2",
        "n80-width4-depth1-replicate3",
        "n80-width4-depth1-replicate4",
        "n80-width8-depth1-replicate0",
        "n80-width8-depth1-replicate1",
        "n80-width8-depth1-replicate2",
    ]
    assert len(set(names)) == len(names)
    assert counts(spec, (first, second))["n80-width8-depth1"] == (3, 3)
    assert set(every_cell(spec, (first,))) == {*(c.name for c in cells(spec)), "n80-width8-depth1"}


def test_a_dataset_size_that_left_the_file_takes_what_rounds_gave_it_along() -> None:
    one = Round(number=1, asked=ASKED, wanted=(wanted(8, 3, n=80), wanted(8, 3, n=160)))
    less = spec_of(data={"sizes": [80]})
    assert {slot.cell.n_examples for slot in slots_with(less, (one,))} == {80}
    assert {cell.n_examples for cell in every_cell(less, (one,)).values()} == {80}
    assert set(counts(less, (one,))) == set(every_cell(less, (one,)))


def test_a_trial_is_the_same_whichever_round_asks_for_it() -> None:
    spec = spec_of()
    grown = spec_of(replicates={"draws": 5})
    by_file = {slot.name: slot for slot in slots(grown)}
    by_round = list(slots_with(spec, [Round(number=1, asked=ASKED, wanted=(wanted(16, 5),))]))
    more = [slot for slot in by_round if slot.name not in {one.name for one in slots(spec)}]
    assert len(more) == 3
    assert all(by_file[slot.name] == slot for slot in more)


def test_a_round_is_read_as_it_was_written() -> None:
    one = Round(
        number=3,
        asked=ASKED,
        wanted=(wanted(8, 4),),
        sizes=(
            Size(n_examples=80, state="open", factor=None),
            Size(n_examples=160, state="decided", factor=2.5),
        ),
        n_trials=7,
        spent={"trials": 10.0, "flops": 1e9, "seconds": 2.5},
    )
    assert Round.from_json(one.as_json()) == one


def test_a_range_of_capacities_starts_with_a_few_and_is_written_as_a_range() -> None:
    spec = spec_of()
    assert spec.space["width"].values == (4, 16, 64)
    assert spec.space["width"].between == (4, 64)
    assert "width = { low = 4, high = 64 }" in as_toml(spec, file="x.toml")
    listed = spec_of(space={"width": [4, 16], "depth": [1]})
    assert (
        listed.digest() == spec_of(space={"width": {"low": 4, "high": 99}, "depth": [1]}).digest()
    )


@pytest.mark.parametrize(("low", "high"), [(1, 2), (1, 1000), (4, 1024), (7, 8), (3, 5)])
def test_capacities_of_a_range_rise_by_their_ratios_from_end_to_end(low: int, high: int) -> None:
    values = between(low, high, 4.0)
    assert (values[0], values[-1]) == (low, high)
    assert list(values) == sorted(set(values))
    assert all(b / a <= 4.0 * 1.13 for a, b in pairwise(values))


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2000 trials", Budget(kind="trials", amount=2000.0)),
        ("2,000 trials", Budget(kind="trials", amount=2000.0)),
        ("1e15 FLOPs", Budget(kind="flops", amount=1e15)),
        ("10 min", Budget(kind="seconds", amount=600.0)),
        ("40 GPU h", Budget(kind="seconds", amount=144000.0)),
        ("1.5 h", Budget(kind="seconds", amount=5400.0)),
    ],
)
def test_a_budget_is_a_number_and_its_unit(text: str, budget: Budget) -> None:
    assert DecideSection(budget=text).spending == budget


@pytest.mark.parametrize("text", ["10", "min", "ten min", "0 trials", "5 parsecs", "1e400 FLOPs"])
def test_what_is_no_budget_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StudyFileError, match=r"decide\.budget: must be a number above 0 and its"):
        spec_of(decide={"budget": text})


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"decide": {"until": "designed"}}, "space.width: a range of a capacity is for a study"),
        ({"decide": {"sizes": [81]}}, "decide.sizes: must be dataset sizes of the study"),
        ({"decide": {"target": 1.0}}, "decide.target: must be from 1.1"),
        ({"study": {"routes": ["train", "distill"]}}, "decide.until: decided cannot be with"),
        ({"search": {"sampler": "tpe"}}, "search.sampler: decided needs a search whose"),
        ({"space": {"width": {"low": 8, "high": 4}, "depth": [1]}}, "whole ends from 1 that rise"),
        ({"space": {"width": {"low": 4, "high": 8, "log": True}, "depth": [1]}}, "width.log"),
    ],
)
def test_what_cannot_be_decided_is_said(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyFileError, match=words):
        spec_of(**sections)


def test_a_file_with_the_section_wants_a_decision_and_one_without_does_not() -> None:
    assert spec_of().decide.goes_on
    assert not parse_spec({}, base=Path.cwd()).decide.goes_on
    digest = parse_spec({}, base=Path.cwd()).digest()
    assert parse_spec({"decide": {"target": 5}}, base=Path.cwd()).digest() == digest


def told(number: int, width: float, expected: float, ends: End = "") -> Round:
    size = Size(n_examples=80, state="open", factor=None, width=width, expected=expected)
    return Round(number=number, asked=ASKED, sizes=(size,), ends=ends)


@pytest.mark.parametrize(
    ("widths", "short"),
    [
        ((100.0, 100.0, 100.0), True),  # twice promised to be 20, and never narrower
        ((100.0, 110.0, 90.0), True),
        ((100.0, 40.0, 40.0), False),
        ((100.0, 100.0, 30.0), False),
        ((100.0, 100.0), False),  # one round is no track record
    ],
)
def test_rounds_that_bring_far_less_than_they_promise_are_enough(
    widths: tuple[float, ...], short: bool
) -> None:
    *before, now = widths
    rounds = [told(k + 1, width, 20.0) for k, width in enumerate(before)]
    assert fell_short(rounds, {80: now}) is short


def test_rounds_that_promised_little_are_not_judged_by_what_they_brought() -> None:
    rounds = [told(1, 100.0, 95.0), told(2, 100.0, 95.0)]
    assert not fell_short(rounds, {80: 100.0})


def test_only_the_last_rounds_are_judged_and_none_of_a_size_that_is_decided() -> None:
    rounds = [told(1, 100.0, 20.0), told(2, 100.0, 20.0), told(3, 50.0, 20.0)]
    assert not fell_short(rounds, {80: 45.0})
    assert not fell_short(rounds[:2], {})
    assert fell_short(rounds[:2], {80: 100.0})
    ended = Round(number=3, asked=ASKED, ends="no help")
    assert not fell_short([*rounds[:2], ended], {80: 100.0})
