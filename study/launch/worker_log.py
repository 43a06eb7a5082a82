"""A worker's log: one JSON object a line, for machines and for people with ``jq``."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study.redaction import redact, redacted

NOTE = "note"
"""Event of what the user should know of the trials themselves."""


class WorkerLog:
    """Appends events to a file; a log that can't be written stops nothing."""

    def __init__(self, path: Path, worker: str) -> None:
        self.path, self._worker = path, worker

    def write(self, event: str, **what: Any) -> None:
        """Append one event with the time and the worker's name."""
        told = {"time": round(time.time(), 3), "event": event, "worker": self._worker, **what}
        line = json.dumps(told, default=str)
        if redact(line) != line:  # text by text: what is cut out of a line may be no JSON any more
            line = json.dumps(redacted(json.loads(line)))
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note, inside, what our own loggers say: which trainer is used, for one, and why."""
        logger, handler = logging.getLogger("study"), _Listener(self)
        before = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)


def notes_in(folder: Path, since: float) -> list[str]:
    """Return what workers noted for the user since a moment, each text once."""
    found = dict[str, None]()
    for path in sorted(folder.glob("*.jsonl")):
        with contextlib.suppress(OSError):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError):  # a line cut off
                    event = json.loads(line)
                    if event["event"] == NOTE and event["time"] >= since:
                        found[str(event["text"])] = None
    return list(found)


class _Listener(logging.Handler):
    """Writes records of Python's logging as events."""

    def __init__(self, log: WorkerLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Append one."""
        self._log.write("said", level=record.levelname.lower(), text=record.getMessage())
