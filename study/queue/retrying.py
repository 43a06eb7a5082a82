"""Trials that failed are queued again, once what they failed of was mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from study.queue.filling import template
from study.queue.readiness import needs
from study.queue.trials import AGAIN, Stored, StoredTrials


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What came of the wish to run failed trials again."""

    queued: int
    kept: int
    """Failed trials that stay: what was built without them has ended well, or runs."""
    changed: tuple[str, ...] = ()
    """Names of the user's code that differs from what the study was started with."""
    trained_before: int = 0
    """Trials that ended before the change, and stay as they are."""


@dataclass(frozen=True, kw_only=True)
class Retriable:
    """The failed trials of a study: those that may run again, and how many stay."""

    again: tuple[Stored, ...]
    kept: int


def find_retriable(trials: StoredTrials) -> Retriable:
    """Find the failed trials that may run once more.

    One that others needed stays as it is where any of them has ended well or has begun: a search
    trial that were found to be the best afterwards would leave replicates of two winners in one
    cell. Where winners come from all of the search, cells that have replicates keep theirs, so that
    those of other cells may be run again.
    """
    read = trials.read()
    finished = [(one, one.record) for one in read if one.is_finished]
    built = {one.slot for one, record in finished if record and record.status == "complete"}
    built |= {one.slot for one in read if one.is_running}
    units = {slot.unit for slot in trials.slots.values() if slot.name in built}
    needed = needs(trials.slots.values())
    built_on = {name for unit in units for name in needed[unit]}
    failed = [one for one, record in finished if record and record.status == "failed"]
    again = tuple(one for one in failed if one.slot not in built_on)
    return Retriable(again=again, kept=len(failed) - len(again))


def queue_again(trials: StoredTrials, failed: Iterable[Stored]) -> None:
    """Queue trials once more; the storage keeps the old ones, which are no trials any more."""
    for one in failed:
        times = int(one.trial.user_attrs.get(AGAIN, 0)) + 1
        study_id = trials.studies()[one.study]
        slot = trials.slots[one.slot]
        trials.storage.create_new_trial(study_id, template(trials.spec, slot, again=times))
