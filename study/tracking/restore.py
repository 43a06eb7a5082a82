"""Bringing the tracking store level with Optuna's storage, which has the last word on a trial.

A run may be missing (the tracking database was deleted, or its address changed; the trial was given
up without a worker to log it) or be that of another attempt. Such trials are put into the spool
again, from where they are delivered as always, each exactly once; only their curves are lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from study.record import TrialRecord
from study.tracking.delivery import DeliveryReport, deliver_all
from study.tracking.spool import Spool
from study.tracking.tracker import Tracker


def restore(
    tracker: Tracker,
    spool: Spool,
    records: Iterable[Mapping[str, Any]],
    *,
    patience: float = 10.0,
    has_lock: bool = False,
) -> DeliveryReport:
    """Write what the store misses of the finished trials; doing it again changes nothing.

    Parameters
    ----------
    tracker
        An initialised tracker.
    spool
        The study's spool. What waits there is delivered first: it has its curves still.
    records
        Records of the finished trials as :meth:`study.queue.store.StudyStore.records` returns them.
    patience
        Give up when nothing has gone through for so many seconds.
    has_lock
        The caller holds the spool's lock already.

    Raises
    ------
    StorageError
        If the store cannot be read, or the spool not written.
    """
    first = deliver_all(tracker, spool, patience=patience, has_lock=has_lock)
    if first.waiting or first.elsewhere or first.hangs:
        return first
    missing = tracker.missing(TrialRecord(**record) for record in records)
    if not missing:
        return first
    for record in missing:
        spool.put(record)
    return deliver_all(tracker, spool, patience=patience, has_lock=has_lock).after(first)
