"""Which units may be taken now: plain data in, names out. Knows no storage.

A *unit* (trials that share one training) is ready when one of its trials waits and every trial
that it needs has finished. What needs what follows from the design alone (:func:`needs`), so that
a new kind of unit that must wait for another one is a line there. Where many units need the same
many trials, they need a *gate*, which opens when all of these have finished.

States are told trial by trial and kept in sorted lists: taking one unit costs the same however
many trials have finished.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Literal

from study.plan.design import Slot, teachers

State = Literal["absent", "waiting", "running", "finished"]
"""Where a trial is; absent: not queued yet."""


def needs(
    slots: Iterable[Slot], *, pooled: bool = False, chosen: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return, per unit, the trials that must have finished before it may start.

    A replicate needs every search trial of its cell: it takes the winner's hyperparameters. Where
    search is ``pooled`` it needs the gates of all of them. Search trials whose values are
    ``chosen`` by a model need the gate of all others. A student needs every trial that may be its
    teacher: the best of them is.
    """
    every = tuple(slots)
    searched, taught = searches(every), teachers(every)
    known = gates(every, chosen)

    def search(slot: Slot) -> tuple[str, ...]:
        if slot.phase == "search":
            return (gate_of(slot, first=True),) if slot.name in chosen else ()
        if slot.cell.name not in searched:
            return ()
        if not pooled:
            return tuple(searched[slot.cell.name])
        both = (gate_of(slot, first=True), gate_of(slot))
        return tuple(gate for gate in both if gate in known)

    return {slot.unit: (*search(slot), *taught.get(slot.unit, ())) for slot in every}


def searches(slots: Iterable[Slot]) -> dict[str, list[str]]:
    """Return the search trials of each cell that has any."""
    found: dict[str, list[str]] = defaultdict(list)
    for slot in slots:
        if slot.phase == "search":
            found[slot.cell.name].append(slot.name)
    return found


def gates(slots: Iterable[Slot], chosen: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return the gates through which trials go whose values follow from all of the search.

    One for the networks without a teacher, and one for the students of each: these have values of
    their own, and nobody else waits for them. Where a model chooses some search trials, the others
    open a gate of their own, through which these go.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for slot in slots:
        if slot.phase == "search":
            first = bool(chosen) and slot.name not in chosen
            found[gate_of(slot, first=first)].append(slot.name)
    return {gate: tuple(names) for gate, names in found.items()}


def gate_of(slot: Slot, *, first: bool = False) -> str:
    """Name the gate of a trial; no trial has such a name."""
    which = "the first of the search" if first else "the search"
    return f"{which} of students of {slot.cell.teacher}" if slot.cell.teacher else which


class Readiness:
    """The units that are ready, in the order in which they should be taken.

    ``order`` is the sort key of a unit, from any of its slots (ties keep the order of the design),
    and ``group`` is what units that train together have in common. ``gates`` names the trials that
    open what a unit may need in the place of a trial.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        needed: Mapping[str, tuple[str, ...]],
        *,
        order: Callable[[Slot], tuple[bool, float]],
        group: Callable[[Slot], Hashable],
        gates: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._unit: dict[str, str] = {slot.name: slot.unit for slot in slots}
        self._members: dict[str, list[str]] = defaultdict(list)
        first: dict[str, Slot] = {}
        for slot in slots:
            self._members[slot.unit].append(slot.name)
            first.setdefault(slot.unit, slot)
        self._line = sorted(first, key=lambda unit: order(first[unit]))
        self._rank = {unit: rank for rank, unit in enumerate(self._line)}
        self._group: dict[str, Hashable] = {unit: group(slot) for unit, slot in first.items()}
        self._state: dict[str, State] = dict.fromkeys(self._unit, "absent")
        self._suspect: set[str] = set()
        self._waiting: Counter[str] = Counter()
        self._open_needs = {unit: len(needed.get(unit, ())) for unit in self._line}
        self._needed_by: dict[str, list[str]] = defaultdict(list)
        for unit in self._line:
            for name in needed.get(unit, ()):
                self._needed_by[name].append(unit)
        self._gate: dict[str, str] = {}
        for gate, names in (gates or {}).items():
            self._gate |= dict.fromkeys(names, gate)
        self._shut: Counter[str] = Counter(self._gate.values())
        self._ready: dict[Hashable, list[int]] = {}
        self._listed: dict[str, Hashable] = {}
        self.unfinished = len(self._unit)
        """Trials that have no result yet."""

    def __len__(self) -> int:
        """How many units are ready."""
        return len(self._listed)

    def state(self, slot: str) -> State:
        """Return where a trial is, as last told."""
        return self._state[slot]

    def update(self, slot: str, state: State, *, suspect: bool | None = None) -> None:
        """Take down where a trial is now. A finished one stays finished.

        ``suspect`` tells whether it may have killed a worker: its unit is then taken alone, since
        its packmates are innocent. None leaves that as it was.
        """
        before, unit = self._state[slot], self._unit[slot]
        if before == "finished":
            return
        if suspect:
            self._suspect.add(unit)
        elif suspect is False and len(self._members[unit]) == 1:
            self._suspect.discard(unit)
        self._state[slot] = state
        self._waiting[unit] += (state == "waiting") - (before == "waiting")
        if state == "finished":
            self.unfinished -= 1
            self._met(slot)
            if gate := self._gate.get(slot):
                self._shut[gate] -= 1
                if not self._shut[gate]:
                    self._met(gate)
        self._list(unit)

    def members(self, unit: str) -> tuple[str, ...]:
        """Return the trials of a unit that wait."""
        return tuple(name for name in self._members[unit] if self._state[name] == "waiting")

    def units(self) -> list[str]:
        """Return the units that are ready, in the order of the design's line."""
        return [self._line[rank] for rank in sorted(self._rank[unit] for unit in self._listed)]

    def next(self, group: Hashable | None = None, skip: int = 0) -> tuple[Hashable, str] | None:
        """Return the group and the name of the next unit to take; None if there is none.

        With a ``group``, only units that train together with one taken before. ``skip`` leaves out
        so many (modulo the length of the line), where others are taking too.
        """
        if group is None:
            group = min(self._ready, key=lambda one: self._ready[one][0], default=None)
        line = self._ready.get(group)
        if not line:
            return None
        return group, self._line[line[skip % len(line)]]

    def _met(self, need: str) -> None:
        """Take down that a trial has finished, or that a gate has opened."""
        for other in self._needed_by.get(need, ()):
            self._open_needs[other] -= 1
            self._list(other)

    def _list(self, unit: str) -> None:
        """Put a unit on the list of its group, or take it off."""
        wanted: Hashable | None = None
        if self._waiting[unit] and not self._open_needs[unit]:
            wanted = ("alone", unit) if unit in self._suspect else self._group[unit]
        listed = self._listed.get(unit)
        if listed == wanted:
            return
        rank = self._rank[unit]
        if listed is not None:
            line = self._ready[listed]
            del line[bisect_left(line, rank)]
            if not line:
                del self._ready[listed]
            del self._listed[unit]
        if wanted is not None:
            insort(self._ready.setdefault(wanted, []), rank)
            self._listed[unit] = wanted
