"""Waiting for a storage that is away, for so long and no longer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from study.errors import StorageAway

T = TypeVar("T")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 15.0
"""Seconds between two attempts; they double, and are spread so that workers don't ask as one."""


class Patience:
    """Repeats what a storage that is away could not do, for so many seconds or until ``stop``.

    ``say`` is told once per absence why nothing goes on, and with an empty string when it does
    again; the seed spreads the pauses of several workers.
    """

    def __init__(
        self,
        seconds: float,
        stop: Event,
        say: Callable[[str], object] = lambda text: None,
        *,
        seed: str = "",
    ) -> None:
        self._seconds, self._stop, self._say = seconds, stop, say
        self._draws = random.Random(seed)
        self.waited = 0.0
        """Seconds spent waiting so far."""

    def insist(self, action: Callable[[], T]) -> T:
        """Return what ``action`` returns; try again while the storage is away.

        When patience ends or ``stop`` is set, its last StorageAway is raised.
        """
        began, pause, told = time.monotonic(), SHORTEST_PAUSE, False
        try:
            while True:
                try:
                    return action()
                except StorageAway as error:
                    if time.monotonic() - began > self._seconds or self._stop.is_set():
                        raise
                    if not told:
                        self._say(str(error))
                        told = True
                self._stop.wait(pause * self._draws.uniform(0.7, 1.3))
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            if told:
                self.waited += time.monotonic() - began
                self._say("")
