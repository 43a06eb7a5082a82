"""What may be taken now, from plain data: order, needs, groups, suspects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.plan.design import Slot, pack_group, slots
from study.queue.readiness import Readiness, gates, needs
from study.spec.study_file import parse_spec

RAW: dict[str, Any] = {
    "study": {"name": "ready"},
    "data": {"sizes": [80]},
    "space": {"width": [2, 64], "depth": [1], "prune_ratio": [0.0, 0.5]},
    "search": {"trials": 2},
    "replicates": {"draws": 2},
}


def of_design() -> tuple[tuple[Slot, ...], Readiness]:
    spec = parse_spec(RAW, base=Path.cwd())
    every = tuple(slots(spec))
    ready = Readiness(
        every,
        needs(every),
        order=lambda slot: (slot.phase == "replicate", -float(slot.cell.capacity["width"])),
        group=lambda slot: pack_group(spec, slot),
    )
    return every, ready


def test_nothing_is_ready_before_it_is_queued() -> None:
    every, ready = of_design()
    assert len(ready) == 0
    assert ready.next() is None
    assert ready.unfinished == len(every)


def test_the_dearest_search_unit_comes_first_and_replicates_wait_for_their_cell() -> None:
    every, ready = of_design()
    for slot in every:
        ready.update(slot.name, "waiting")
    assert len(ready) == 4  # the search units of two cells; no replicate
    first = ready.next()
    assert first is not None
    assert first[1] == "n80-width64-depth1-search0"
    for name in ("n80-width64-depth1-search0", "n80-width64-depth1-search1"):
        ready.update(name, "finished")
    assert len(ready) == 4  # two replicate units came in their place
    ready.update("n80-width2-depth1-search0", "running")
    ready.update("n80-width2-depth1-search1", "running")
    found = ready.next()
    assert found is not None
    assert found[1] == "n80-width64-depth1-replicate0"
    assert ready.members(found[1]) == (found[1], f"{found[1]}-pruned0.5")


def test_only_units_of_the_same_group_are_taken_together() -> None:
    every, ready = of_design()
    for slot in every:
        ready.update(slot.name, "waiting")
    found = ready.next()
    assert found is not None
    group, unit = found
    ready.update(unit, "running")
    second = ready.next(group)
    assert second is not None
    assert second[1] == "n80-width64-depth1-search1"
    ready.update(second[1], "running")
    assert ready.next(group) is None
    assert ready.next() is not None


def test_a_suspect_is_in_no_group_and_a_finished_trial_stays_finished() -> None:
    every, ready = of_design()
    for slot in every:
        ready.update(slot.name, "waiting")
    unit = "n80-width64-depth1-search0"
    ready.update(unit, "running")
    ready.update(unit, "waiting", suspect=True)
    found = ready.next()
    assert found is not None
    assert found[1] == unit
    assert ready.next(found[0], 5) == found  # alone, whatever is skipped
    left = ready.unfinished
    ready.update(unit, "finished")
    ready.update(unit, "waiting")
    assert ready.state(unit) == "finished"
    assert ready.unfinished == left - 1


def test_a_gate_opens_when_all_of_its_trials_have_finished() -> None:
    spec = parse_spec(RAW, base=Path.cwd())
    every = tuple(slots(spec))
    ready = Readiness(
        every,
        needs(every, pooled=True),
        order=lambda slot: (slot.phase == "replicate", 0.0),
        group=lambda slot: pack_group(spec, slot),
        gates=gates(every),
    )
    for slot in every:
        ready.update(slot.name, "waiting")
    searched = [slot.name for slot in every if slot.phase == "search"]
    for name in searched[:-1]:
        ready.update(name, "finished")
        ready.update(name, "finished")  # told twice counts once
    assert ready.units() == [searched[-1]]
    ready.update(searched[-1], "finished")
    assert len(ready) == 4
    assert all("replicate" in unit for unit in ready.units())
