"""Trials that failed are queued again, once what they failed of was mended."""

from __future__ import annotations

from dataclasses import dataclass

from study.queue.filling import template
from study.queue.readiness import needs
from study.queue.trials import AGAIN, StoredTrials


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What came of the wish to run failed trials again."""

    queued: int
    kept: int
    """Failed trials that stay: what was built without them has ended well."""
    changed: tuple[str, ...] = ()
    """Names of the user's code that differs from what the study was started with."""
    trained_before: int = 0
    """Trials that ended before the change, and stay as they are."""


def queue_again(trials: StoredTrials) -> Retried:
    """Queue each failed trial once more; the storage keeps the old one, which is no trial any more.

    One that others needed stays as it is where any of them has ended well: a search trial that
    were found to be the best afterwards would leave replicates of two winners in one cell.
    """
    finished = [(one, one.record) for one in trials.read() if one.is_finished]
    sound = {one.slot for one, record in finished if record and record.status == "complete"}
    done = {slot.unit for slot in trials.slots.values() if slot.name in sound}
    needed = needs(trials.slots.values())
    built_on = {name for unit in done for name in needed[unit]}
    failed = [one for one, record in finished if record and record.status == "failed"]
    again = [one for one in failed if one.slot not in built_on]
    for one in again:
        times = int(one.trial.user_attrs.get(AGAIN, 0)) + 1
        study_id = trials.studies()[one.study]
        slot = trials.slots[one.slot]
        trials.storage.create_new_trial(study_id, template(trials.spec, slot, again=times))
    return Retried(queued=len(again), kept=len(failed) - len(again))
