"""Waiting for what happens, however slow the machine is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

FAR_AWAY = 900.0
"""Seconds after which something is broken, not slow."""


def wait_until(
    happened: Callable[[], object],
    *,
    alive: subprocess.Popen[bytes] | None = None,
    every: float = 0.05,
    despite: Sequence[type[Exception]] = (),
) -> None:
    """Return once something has happened; fail when the process it needs has ended.

    ``despite`` are errors that only say "not yet".
    """
    deadline = time.monotonic() + FAR_AWAY
    while True:
        ended = alive is not None and alive.poll() is not None
        with suppress(*despite):
            if happened():
                return
        if ended and alive is not None:
            said = alive.stderr.read().decode() if alive.stderr else ""
            raise AssertionError(f"the process ended before it happened: {said}")
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(every)


def hear(process: subprocess.Popen[bytes], words: str) -> None:
    """Read what a process says to standard error up to the line that holds some words."""
    assert process.stderr is not None
    said = b""
    while line := process.stderr.readline():
        said += line
        if words in line.decode():
            return
    raise AssertionError(f"the process ended without saying {words!r}: {said.decode()}")


def end_of(process: subprocess.Popen[bytes], status: int = 0) -> str:
    """Wait for a process to end with a status; return what it said to standard error."""
    _, words = process.communicate(timeout=FAR_AWAY)
    said = (words or b"").decode()
    assert process.returncode == status, said
    return said
