"""What this room uses of Optuna beyond what Optuna promises: checked before it is used.

Each such place says what it expects; where that does not hold it takes the public way, and the log
says so in one line a process. ``docs/decisions.md`` lists the places.
"""

from __future__ import annotations

import functools
import inspect
import logging

import optuna

log = logging.getLogger(__name__)


class Unlike(Exception):
    """What Optuna does not promise is not as it is known here; says what differs."""


def expect(holds: object, differs: str) -> None:
    """Raise :class:`Unlike` with what differs, unless it holds."""
    if not holds:
        raise Unlike(differs)


def expect_arguments(owner: object, name: str, *arguments: str) -> None:
    """Raise :class:`Unlike` unless a class or module has a function that takes just these."""
    function, of = getattr(owner, name, None), getattr(owner, "__name__", owner)
    expect(callable(function), f"{of} has no {name}")
    found = tuple(inspect.signature(function).parameters)  # type: ignore[arg-type]
    expect(found == arguments, f"{of}.{name} takes ({', '.join(found)})")


@functools.cache
def go_public(way: str, reason: str) -> None:
    """Log once that the public way is taken, and why."""
    log.warning("%s: %s (Optuna %s)", way, reason, optuna.__version__)
