"""Which running trials nobody has signed for: their worker died between taking and signing.

A worker signs each trial right after taking it, so that the two are apart only while the storage
is slow, or away. An observer therefore judges by how long it has *seen* a trial unsigned, by its
own monotonic clock, and begins again after any time in which it could not look: the worker could
not sign then either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from study.patience import LONGEST_PAUSE

Name = TypeVar("Name", bound=Hashable)

ORPHAN_SECONDS = 2 * LONGEST_PAUSE
"""A running trial that nobody signed for after so long is an orphan. A worker that found the
storage away between the two asks again after at most two thirds of it."""


class Orphans(Generic[Name]):
    """One observer's view of unsigned trials.

    Parameters
    ----------
    longest_gap
        Seconds between two looks beyond which the observer counts as having been blind.
    clock
        Seconds on a monotonic clock.
    """

    def __init__(self, longest_gap: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_gap, self._clock = longest_gap, clock
        self._last: float | None = None
        self._since: dict[Name, float] = {}

    def look(self, unsigned: Iterable[Name]) -> set[Name]:
        """Take down what is unsigned now; return what has been so for too long.

        Each is named by its trial and when that was started: one that is taken anew is another.
        """
        now = self._clock()
        if self._last is not None and now - self._last > self._longest_gap:
            self._since.clear()
        self._last = now
        self._since = {one: self._since.get(one, now) for one in unsigned}
        return {one for one, since in self._since.items() if now - since > ORPHAN_SECONDS}

    def lose_sight(self) -> None:
        """Begin again: the storage was away."""
        self._since.clear()
