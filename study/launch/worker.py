"""One worker process: takes packs until none is left.

``python -m study.launch.worker ROOT [STUDY_FILE]``. It imports what it needs, begins when a byte
arrives on its standard input, and ends by itself when the study is done
(status 0), after the pack in hand on SIGTERM (status 0), and at once when the process that started
it dies, which it learns from its standard input being closed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from study.errors import PayoffError
from study.launch.locking import exclusively
from study.leases import Lease, is_alive
from study.places import Places
from study.record import TrialRecord
from study.spec import StudySpec, load_spec
from study.spool import Spool
from study.storage import Claim, StudyStore
from study.storage_opening import open_storage
from study.trial import Laboratory, Task

IDLE_SECONDS = 0.25
"""Pause before looking again when trials are left but none is ready."""

NICENESS = 5
"""Workers fill every core: the process that logs, and whoever sits at the machine, come first."""


def work(spec: StudySpec, places: Places, stop: threading.Event) -> int:
    """Take packs until none is left or ``stop`` is set; return the number of trials finished."""
    _use_threads(spec)
    done = 0
    spool = Spool(places.spool(spec.name))
    with Lease(places.leases) as lease:
        store = StudyStore(spec, open_storage(spec.storage.optuna, places))
        store.check_unchanged()
        laboratory = Laboratory(spec, worker=lease.name, cache=places.cache)
        while not stop.is_set():
            claims = store.claim(lease.name, most=laboratory.most_units)
            if claims is None:
                break
            if not claims:
                time.sleep(IDLE_SECONDS)
                continue
            done += run_units(store, spool, laboratory, claims)
    return done


def run_units(
    store: StudyStore, spool: Spool, laboratory: Laboratory, claims: tuple[Claim, ...]
) -> int:
    """Run what was claimed; each result is on disk before Optuna hears of it."""
    ids = {claim.slot.name: claim.trial_id for claim in claims}
    tasks = [
        Task(
            slot=c.slot,
            params=c.params,
            optuna_study=c.optuna_study,
            number=c.number,
            teacher=c.teacher,
        )
        for c in claims
    ]
    with store.in_bulk():
        for task, record in laboratory.run(tasks):
            spool.put(record)
            store.finish(ids[task.slot.name], record)
    return len(claims)


def tidy(store: StudyStore, spool: Spool, places: Places, *, blame: bool = False) -> int:
    """Queue dead workers' trials again, but for those whose result is on disk; return how many.

    ``blame`` tells whether the workers may have died of their trials.
    """

    def alive(worker: str) -> bool:
        return is_alive(places.leases, worker)

    def give_up(trial_id: int, record: TrialRecord) -> None:
        spool.put(record)
        store.finish(trial_id, record)

    if not store.dead(alive):
        return 0
    with exclusively(places):
        dead = {trial.user_attrs["slot"]: (name, trial) for name, trial in store.dead(alive)}
        for record in spool.pending() if dead else ():
            if record.slot in dead and record.study_digest == store.digest:
                store.finish(dead.pop(record.slot)[1]._trial_id, record)
        return store.requeue(tuple(dead.values()), blame=blame, give_up=give_up)


def _use_threads(spec: StudySpec) -> None:
    """Hold torch to the threads of the study file; a user's own trainer sees to itself."""
    if not spec.training.function:
        import torch

        torch.set_num_threads(spec.run.threads)
        torch.set_num_interop_threads(1)


def _die_with_parent() -> threading.Event:
    """Exit when standard input is closed; return the event of the first byte that comes there."""
    told = threading.Event()

    def watch() -> None:
        # Read below Python's buffers: a thread that holds their lock aborts a normal exit.
        while os.read(0, 1):
            told.set()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return told


def get_ready() -> None:
    """Import what training needs, while the study is being set up."""
    import study.training.fused  # noqa: F401


def main(words: list[str]) -> int:
    """Run one worker; return its exit status."""
    stop = threading.Event()

    def drain(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; one decides
    told = _die_with_parent()
    os.nice(NICENESS)
    places = Places(Path(words[0]))
    get_ready()
    told.wait()
    try:
        work(load_spec(words[1] if len(words) > 1 else None), places, stop)
    except PayoffError as error:
        print(f"payoff: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"payoff: {places.root}: cannot be written ({error.strerror})", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
