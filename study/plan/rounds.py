"""What a study adds to its design by itself: rounds, each of some cells' further trials.

A round says for each cell how many replicates (and search trials) it has when the round is done;
which trials these are, with which seeds and draws, follows as in the design. So a round is a few
numbers, and the same round queued twice is the same trials.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from study.plan.design import (
    Cell,
    Slot,
    cells,
    n_search,
    replicate_slots,
    search_slots,
    slots,
)
from study.record import Value
from study.spec.study_file import StudySpec

PATIENCE = 2
"""So many rounds in turn that bring far less than they promised are enough."""

LEAST_PROMISED, LEAST_KEPT = math.log(1.5), 0.2
"""What rounds must have promised, on the log of the width, to be judged by it; and what share of
that they must have brought."""

End = Literal["", "decided", "spent", "no help", "stuck"]
"""How a study that chooses its own trials ended: the answer is as narrow as was asked; the budget
is spent; no trial that it may queue would narrow it; it could not be analysed. Empty: it goes on.
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A cell, and how many trials it has once a round is done."""

    n_examples: int
    capacity: Mapping[str, Value]
    replicates: int
    search: int

    @property
    def cell(self) -> Cell:
        """The cell; networks that learn from others are not chosen by rounds."""
        return Cell(n_examples=self.n_examples, capacity=self.capacity)


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a round was planned on, at one dataset size."""

    n_examples: int
    state: str
    """``"decided"``, ``"open"``, ``"cannot_tell"`` or ``"would_not_help"``."""
    factor: float | None
    """Upper end of the payoff point's interval over its lower end; None where an end is open."""
    width: float | None = None
    """That factor as plans reckon it, an open end a doubling outside of the range; None where the
    size is decided, or too little was run to reckon."""
    expected: float | None = None
    """What the width is expected to be after the round."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What is queued at once, or how the study ended."""

    number: int
    """From 1; the design is round 0."""
    asked: Mapping[str, Any]
    """What the study was asked for when the round was planned."""
    wanted: tuple[Wanted, ...] = ()
    sizes: tuple[Size, ...] = ()
    n_trials: int = 0
    """How many trials it adds."""
    spent: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Trials, FLOPs and seconds of all that had finished when it was planned."""
    ends: End = ""
    because: str = ""
    """Why no trial would help, or what the analysis could not do."""
    complete: int | None = None
    """How many trials had a usable result when it was planned; None where nobody noted it."""

    def as_json(self) -> str:
        """Return the round as it is stored."""
        # In their order: a cell is named by its axes in turn.
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Round:
        """Read a round as it is stored."""
        raw = json.loads(text)
        wanted = tuple(Wanted(**one) for one in raw.pop("wanted"))
        sizes = tuple(Size(**one) for one in raw.pop("sizes"))
        return cls(wanted=wanted, sizes=sizes, **raw)


def fell_short(rounds: Sequence[Round], now: Mapping[int, float]) -> bool:
    """Whether the last rounds narrowed the answers by far less than they promised.

    ``now`` are the widths after the last one, by dataset size. Where plans promise much and bring
    little, round after round, something that they do not reckon with stands in the way.
    """
    past: list[Round] = []
    for one in rounds:  # a study that goes on after its end has something new to go by
        past = [] if one.ends else [*past[1 - PATIENCE :], one]
    if len(past) < PATIENCE:
        return False
    promised = got = 0.0
    for one, after in zip(past, [*past[1:], None], strict=True):
        later = now if after is None else {s.n_examples: s.width for s in after.sizes if s.width}
        for size in one.sizes:
            if size.width is None or size.expected is None:
                continue
            promised += math.log(size.width / size.expected)
            # One that is no more among them has been decided, as was promised.
            got += math.log(size.width / later.get(size.n_examples, size.expected))
    return promised > LEAST_PROMISED and got < LEAST_KEPT * promised


def slots_with(spec: StudySpec, rounds: Iterable[Round]) -> Iterator[Slot]:
    """Yield every trial of the design, then what each round adds, each once.

    As in the design, the search of a round comes before its replicates.
    """
    yield from slots(spec)
    have = counts(spec, ())
    for one in rounds:
        added = [(wanted, have.get(wanted.cell.name, (0, 0))) for wanted in _asked(spec, one)]
        for wanted, (_, search) in added:
            yield from search_slots(spec, wanted.cell, search, wanted.search)
        for wanted, (replicates, _) in added:
            # What is pruned from a network tells nothing of the curve of those trained.
            yield from replicate_slots(
                spec, wanted.cell, replicates, wanted.replicates, pruned=False
            )
        for wanted, before in added:
            had_replicates, had_search = before
            have[wanted.cell.name] = (
                max(had_replicates, wanted.replicates),
                max(had_search, wanted.search),
            )


def counts(spec: StudySpec, rounds: Iterable[Round]) -> dict[str, tuple[int, int]]:
    """Return, by cell, how many replicates and search trials design and rounds give it."""
    found = {cell.name: (spec.replicates.total, n_search(spec, cell)) for cell in cells(spec)}
    for one in rounds:
        for wanted in _asked(spec, one):
            replicates, search = found.get(wanted.cell.name, (0, 0))
            found[wanted.cell.name] = (
                max(replicates, wanted.replicates),
                max(search, wanted.search),
            )
    return found


def every_cell(spec: StudySpec, rounds: Iterable[Round]) -> dict[str, Cell]:
    """Return every cell of design and rounds by name."""
    found = {cell.name: cell for cell in cells(spec)}
    for one in rounds:
        for wanted in _asked(spec, one):
            found.setdefault(wanted.cell.name, wanted.cell)
    return found


def _asked(spec: StudySpec, one: Round) -> Iterator[Wanted]:
    """Yield the cells of a round but those of dataset sizes that the file has no more."""
    yield from (wanted for wanted in one.wanted if wanted.n_examples in spec.sizes)
