"""Turns that processes of one machine take."""

from __future__ import annotations

from contextlib import AbstractContextManager

from study.locks import holding, holding_address, trying
from study.places import Places


def exclusively(places: Places) -> AbstractContextManager[None]:
    """Wait for, and hold, the right to set up or tidy the storages below ``places``."""
    return holding(places.root / ".lock")


def concluding(places: Places, study: str) -> AbstractContextManager[None]:
    """Wait for, and hold, the right to analyse a study, write its results and log them."""
    return holding(places.spool(study) / ".concluding")


def planning(places: Places, study: str) -> AbstractContextManager[bool]:
    """Hold the right to plan a study's next round, or say that another does; never wait."""
    return trying(places.spool(study) / ".planning")


def opening(address: str) -> AbstractContextManager[None]:
    """Wait for, and hold, the right to open an explicit storage, which may make its tables.

    The lock is not below the root: an address that can't be opened leaves nothing there.
    """
    return holding_address(address, "opening")
