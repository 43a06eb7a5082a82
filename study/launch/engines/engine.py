"""What an engine is: it starts workers somewhere, and replaces those that are lost.

An engine is one file: its options on the command line, what it needs, how its workers start. The
engine schedules; Optuna's storage holds the truth.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from study.errors import StorageAway
from study.places import Places
from study.spec.study_file import StudySpec

if TYPE_CHECKING:
    from study.launch.keeping import Keeper
    from study.launch.nursery import Nursery

POLL_SECONDS = 1.0
"""How often an engine's workers are looked after."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What an engine is asked to do: run a study's workers until no trial is left."""

    spec: StudySpec
    study_file: str | None
    """Where the workers read the study from; None for the study of digits."""
    places: Places
    keeper: Keeper
    on_poll: Callable[[], None]
    """To be called now and then; raises :class:`StorageAway` while the storage is away."""
    stop: threading.Event
    """Once set the workers finish what they have in hand and no more."""
    nursery: Nursery | None = None
    """What forks workers of this machine, if anything can."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Runs workers, or writes down how something else is to run them.

    Its fields are what it can be told, by the names of the command line's options: those of every
    engine (``cpus``, ``gpus``, ``memory_gib``: what each worker takes), and its own.
    """

    elsewhere: ClassVar[bool] = True
    """Whether workers run on other machines: then they need a database that all of them reach."""

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options that only this engine listens to."""

    def manifest(self, spec: StudySpec, study_file: str | None) -> str:
        """Return what is to be handed to whatever runs the workers; empty if this engine does."""
        return ""

    def get_ready(self, spec: StudySpec, study_file: str | None, places: Places) -> None:
        """Begin with what takes long, while the study is being set up."""

    def run(self, order: Order) -> None:
        """Run the workers; return when no trial is left, or once told to stop."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave nothing of what was got ready."""


def watch_over(order: Order, look_after: Callable[[], None]) -> None:
    """Look after an engine's workers until no trial is left or the run is to stop.

    While the storage is away the workers wait for it, and so does this.
    """
    from study.launch.keeping import keep

    store = order.keeper.store
    next_tidy = 0.0
    while not order.stop.is_set():
        with contextlib.suppress(StorageAway):
            order.on_poll()
            if store.is_done():
                return
            if time.monotonic() >= next_tidy:
                keep(order.keeper)
                next_tidy = time.monotonic() + order.spec.run.lease / 10
            look_after()
        order.stop.wait(POLL_SECONDS)
