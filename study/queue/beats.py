"""Who is alive on other machines: each worker counts upwards in the storage, and anyone may watch.

Optuna's heartbeat exists for relational storages only, and only inside ``optimize()``. Here a
worker writes a counter and what it is doing under its own name, as an attribute of one Optuna study
that belongs to the study (:data:`PREFIX`). Clocks are never compared: an observer takes a worker
for dead when it has *seen* the counter stand still for long enough by its own monotonic clock.
Time in which it could not look doesn't count, since the worker could not write either.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from optuna.storages import BaseStorage

from study.queue.trials import study_of

PREFIX = "payoff.workers/"
"""The Optuna study of a study's workers is called so, followed by the study's name."""

BEATS = 5
"""Beats in the time after which a worker that is not heard of counts as dead."""


class Roll:
    """The workers of a study, as they report themselves in the storage."""

    def __init__(self, storage: BaseStorage, study: str) -> None:
        self._storage = storage
        self._name = f"{PREFIX}{study}"
        self._id: int | None = None

    @property
    def study_id(self) -> int:
        """Optuna's id of the study that holds the roll; made on first use."""
        if self._id is None:
            self._id = study_of(self._storage, self._name)
        return self._id

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what each worker last said, by its name; creates nothing."""
        try:
            study_id = self._id or self._storage.get_study_id_from_name(self._name)
        except KeyError:
            return {}
        attributes = self._storage.get_study_user_attrs(study_id)
        return {name: dict(said) for name, said in attributes.items() if isinstance(said, Mapping)}

    def say(self, worker: str, said: Mapping[str, Any]) -> None:
        """Write what a worker says of itself."""
        self._storage.set_study_user_attr(self.study_id, worker, dict(said))


class Heart:
    """Writes a worker's beat until it ends; a context manager."""

    def __init__(self, roll: Roll, worker: str, seconds: float) -> None:
        self._roll, self._worker, self._seconds = roll, worker, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="payoff-heart", daemon=True)
        self._lock = threading.Lock()
        self._said: dict[str, Any] = {
            "n": 0,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": time.time(),
            "trials": 0,
            "doing": "starting",
        }

    def report(self, **what: Any) -> None:
        """Change what the next beat will say."""
        with self._lock:
            self._said.update(what)

    def __enter__(self) -> Heart:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(self._seconds)
        self.report(ended=True, doing="ended")
        self._beat()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self._beat()

    def _beat(self) -> None:
        with self._lock:
            self._said["n"] += 1
            said = dict(self._said)
        # The storage may be away: whoever watches can't read then either, and waits.
        with contextlib.suppress(Exception):
            self._roll.say(self._worker, said)


class Watch:
    """Judges who is alive: a worker whose counter was seen to stand still for so long is dead."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, Mapping[str, Any]]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._seconds, self._clock = read, seconds, clock
        self._last: float | None = None
        self._seen: dict[str, tuple[Any, float]] = {}
        self._said: Mapping[str, Mapping[str, Any]] = {}

    def look(self) -> None:
        """Read the roll, and note who has moved. Look at least :data:`BEATS` times a lease."""
        said = self._read()
        now = self._clock()
        blind = self._last is not None and now - self._last > 2 * self._seconds / BEATS
        self._last, self._said = now, said
        if blind:
            self._seen = {worker: (n, now) for worker, (n, _) in self._seen.items()}
        for worker, one in said.items():
            self._note(worker, one.get("n"), now)

    def is_alive(self, worker: str) -> bool:
        """Tell whether a worker may still live; one that never reported gets as long."""
        if self._last is None:
            return True
        said = self._said.get(worker)
        if said is not None and said.get("ended"):
            return False
        if worker not in self._seen:
            self._note(worker, None, self._last)
        return self._last - self._seen[worker][1] < self._seconds

    def living(self) -> dict[str, Mapping[str, Any]]:
        """Return what the living workers last said, by name."""
        return {name: said for name, said in self._said.items() if self.is_alive(name)}

    def _note(self, worker: str, n: Any, now: float) -> None:
        if worker not in self._seen or self._seen[worker][0] != n:
            self._seen[worker] = (n, now)
