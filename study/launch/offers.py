"""A few ways to go on with a study, each with its price and what it promises: the price list.

An offer is a round that nobody has queued yet. Taking it queues exactly its trials.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.errors import PayoffError
from study.launch.planning import Cells, Spent, fits_of, sizes_of
from study.plan.rounds import Round, Wanted
from study.queue.store import StudyStore

if TYPE_CHECKING:
    from analysis.design.standings import Standing

FIRST, LAST = 0.2, 1.0
"""Of the whole plan, how much the first offer and the last of more of the same may cost."""

LOOK_AHEAD = 2.0
"""Offers cost at most so many times what all trials so far did."""

TOLD = 0.98
"""An interval that is not expected to become narrower than this share of it stays as it is."""

WORTH = 1.5
"""An offer that costs less than so many times another one, of the same cells, is none."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way to go on."""

    number: int
    wanted: tuple[Wanted, ...]
    n_trials: int
    flops: float | None
    """None with a trainer of the user's own, which does not tell."""
    seconds: float
    """Of all workers together, by the pace of the trials so far."""
    expected: tuple[float | None, ...]
    """Of each dataset size that is not decided, what its factor is expected to become; None where
    that cannot be foretold."""
    what: str
    """Where the trials go, in words."""


@dataclass(frozen=True, kw_only=True)
class Offers:
    """How far a study is, and ways to go on."""

    standings: tuple[Standing, ...]
    offers: tuple[Offer, ...]
    target: float
    spent: Spent
    """By all trials so far."""
    n_rounds: int
    """That the study had."""

    @property
    def open(self) -> tuple[Standing, ...]:
        """The dataset sizes that are not decided."""
        return tuple(one for one in self.standings if one.state != "decided")

    def to_json(self) -> dict[str, Any]:
        """Everything by name."""
        return {
            "target": self.target,
            "standings": [
                {
                    "n_examples": int(one.n_examples),
                    "state": one.state,
                    "obstacle": one.obstacle,
                    "factor": one.factor if math.isfinite(one.factor) else None,
                }
                for one in self.standings
            ],
            "offers": [dataclasses.asdict(one) for one in self.offers],
        }


def offers_of(store: StudyStore, target: float | None = None) -> Offers:
    """Return the price list of a study whose trials have finished.

    Raises
    ------
    PayoffError
        If trials wait or run, or nothing can be analysed.
    """
    from analysis.design.candidates import Target
    from analysis.design.plans import choose

    store.renew()
    counts, spec, n_rounds = store.counts(), store.spec, len(store.rounds)
    if counts.finished < counts.total:
        left = counts.total - counts.finished
        raise PayoffError(
            f"{spec.name}: {left:,} of {counts.total:,} trials have not finished; "
            "go on with the study first"
        )
    decide = spec.decide if target is None else dataclasses.replace(spec.decide, target=target)
    records = store.records()
    fits = fits_of(spec, records)
    spent = Spent.of(records)
    kind = "flops" if spent.flops > 0.0 else "trials"
    before = spent.flops or spent.trials
    aim = Target(n_examples=tuple(map(float, decide.sizes)), factor=decide.target)
    cells = Cells.of(spec, store.rounds, records, fits)
    wider = cells.wider()
    found: list[Offer] = []
    standings: tuple[Standing, ...] = ()
    for table, share in ((cells, FIRST), (cells, LAST), (wider, LAST)):
        if table is None:
            continue
        plan = choose(
            fits, table.candidates(decide, kind), aim, budget=LOOK_AHEAD * before, share=share
        )
        standings = plan.standings
        if wanted := table.wanted(plan.chosen):
            offer = _offer(
                table, wanted, len(found) + 1, spent, cost=plan.cost, expected=plan.after
            )
            found += [offer] if all(_differs(offer, other) for other in found) else []
    beyond = [int(one.n_examples) for one in standings if one.kind == "still_paying"]
    if wider is not None and beyond:
        wanted = tuple(one for one in wider.beyond(cells) if one.n_examples in beyond)
        # Nothing tells what larger capacities will show.
        cost = sum((w.replicates + w.search) * wider.cost[w.cell.name][kind] for w in wanted)
        offer = _offer(wider, wanted, len(found) + 1, spent, cost=cost)
        found += [offer] if all(_differs(offer, other) for other in found) else []
    return Offers(
        standings=standings,
        offers=tuple(found),
        target=decide.target,
        spent=spent,
        n_rounds=n_rounds,
    )


def _offer(
    cells: Cells,
    wanted: tuple[Wanted, ...],
    number: int,
    spent: Spent,
    *,
    cost: float,
    expected: tuple[float, ...] = (),
) -> Offer:
    """An offer of some cells; their cost is in FLOPs, or in trials where nobody tells these."""
    before = spent.flops or spent.trials
    return Offer(
        number=number,
        wanted=wanted,
        n_trials=cells.n_more(wanted),
        flops=cost if spent.flops else None,
        seconds=cost / max(before, 1e-300) * spent.seconds,
        expected=tuple(float(f) if math.isfinite(f) else None for f in expected),
        what=_what(wanted, cells.have),
    )


def _differs(offer: Offer, other: Offer) -> bool:
    """Whether two offers are worth listing both."""
    new = {one.cell.name for one in offer.wanted} - {one.cell.name for one in other.wanted}
    return offer.n_trials >= WORTH * other.n_trials or bool(new)


def _what(wanted: Sequence[Wanted], have: Mapping[str, tuple[int, int]]) -> str:
    """Say where the trials go: more replicates, and new capacities."""
    new = [one for one in wanted if one.cell.name not in have]
    old = [one for one in wanted if one.cell.name in have]
    parts = []
    if old:
        most = Counter(
            {_named(one): one.replicates - have[one.cell.name][0] for one in old}
        ).most_common(2)
        named = ", ".join(f"{count} at {name}" for name, count in most)
        more = "" if len(old) <= len(most) else f" and {len(old) - len(most)} more cells"
        parts.append(f"replicates: {named}{more}")
    if new:
        named = ", ".join(dict.fromkeys(_capacity(one) for one in new[:3]))
        parts.append(f"new: {named}{' ...' if len(new) > 3 else ''}")
    return "; ".join(parts)


def _capacity(one: Wanted) -> str:
    return " ".join(f"{axis} {value}" for axis, value in one.capacity.items())


def _named(one: Wanted) -> str:
    return f"{_capacity(one)} on {one.n_examples:,}"


def take(store: StudyStore, listed: Offers, offer: Offer) -> None:
    """Queue the trials of an offer, as the study's next round.

    Raises
    ------
    PayoffError
        If somebody else's round was there first: the offer is then of a study that is no more.
    """
    asked = store.planned.asked() or {"until": "designed"}
    taken = Round(
        number=listed.n_rounds + 1,
        asked=dict(asked),
        wanted=offer.wanted,
        sizes=sizes_of(listed.standings),
        n_trials=offer.n_trials,
        spent=dataclasses.asdict(listed.spent),
    )
    store.renew()
    if len(store.rounds) == listed.n_rounds:
        store.planned.add(taken)
        store.renew()
    if store.rounds[listed.n_rounds :] != (taken,):
        raise PayoffError(
            f"{store.spec.name}: other trials were queued while the list was made; look at it again"
        )
    store.prepare()


def expected_words(offers: Offers, expected: Iterable[float | None]) -> str:
    """Say what the factor of each open dataset size is expected to become."""
    reckoned = [one for one in offers.standings if not one.settled]
    if not reckoned:
        return ""
    parts = []
    for one, after in zip(reckoned, expected, strict=False):
        if after is not None and after > TOLD * one.factor:
            continue
        now = f"{one.factor:.3g}" if math.isfinite(one.factor) else "open"
        then = "?" if after is None else f"{after:.3g}"
        parts.append(f"{one.n_examples:,.0f}: {now} -> {then}")
    return ", ".join(parts) or "little"
