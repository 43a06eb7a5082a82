"""A worker's log: one JSON object a line, for machines and for people with ``jq``."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from study.redaction import redact


class WorkerLog:
    """Appends events to a file; a log that can't be written stops nothing."""

    def __init__(self, path: Path, worker: str) -> None:
        self.path, self._worker = path, worker

    def write(self, event: str, **what: Any) -> None:
        """Append one event with the time and the worker's name."""
        line = json.dumps(
            {"time": round(time.time(), 3), "event": event, "worker": self._worker, **what},
            default=str,
        )
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(redact(line) + "\n")
