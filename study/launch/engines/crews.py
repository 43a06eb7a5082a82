"""What an engine that runs workers has to do, and what all of them share."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from study.errors import StorageAway
from study.launch.keeping import Keeper, keep
from study.places import Places
from study.spec.study_file import StudySpec

POLL_SECONDS = 1.0
"""How often an engine's workers are looked after."""


class Crew(Protocol):
    """Starts workers somewhere, replaces those that are lost, returns when no trial is left.

    The engine schedules; Optuna's storage holds the truth. With ``stop`` set the workers finish
    what they have in hand and no more.
    """

    def __call__(
        self,
        spec: StudySpec,
        study_file: str | None,
        places: Places,
        keeper: Keeper,
        *,
        on_poll: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        """Run the study's workers."""


def watch_over(
    keeper: Keeper,
    *,
    on_poll: Callable[[], None],
    stop: threading.Event,
    look_after: Callable[[], None],
) -> None:
    """Look after an engine's workers until no trial is left or ``stop`` is set.

    While the storage is away the workers wait for it, and so does this.
    """
    next_tidy = 0.0
    while not stop.is_set():
        with contextlib.suppress(StorageAway):
            on_poll()
            counts = keeper.store.counts()
            if counts.finished == counts.total:
                return
            if time.monotonic() >= next_tidy:
                keep(keeper)
                next_tidy = time.monotonic() + keeper.store.spec.run.lease / 10
            look_after()
        stop.wait(POLL_SECONDS)
