"""How far a run is, as it is shown while it runs; showing it is the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the view shows at one moment."""

    cells_done: int
    cells_total: int
    trials_done: int
    trials_total: int
    failed: int
    cost_done: float
    """Estimated cost of the finished trials, in the unit of the design."""
    cost_total: float
    best_error: float | None
    """Lowest validation error so far, at dataset size ``best_size``."""
    best_size: int | None = None
    logged_behind: int = 0
    """Finished trials that MLflow has not yet."""
    note: str = ""


class View(Protocol):
    """Where a run says what it has to say."""

    def say(self, text: str) -> None:
        """Show one line that stays."""

    def show(self, now: Snapshot) -> None:
        """Show how far the run is."""


def duration(seconds: float) -> str:
    """Return a time that a person reads at a glance.

    Examples
    --------
    >>> duration(42), duration(200), duration(8000)
    ('42 s', '3 min 20 s', '2 h 13 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
