"""The rule for every input, however hostile: an answer or one line, in bounded time and memory.

A command ends with 0, or with 2 and a line that names the mistake; never with a traceback, never
later than in 20 s, never with more than 1 GB, and what it prints moves no cursor.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.commands import environment

SECONDS = 20
"""Of the processor's time: others may work on this machine."""
PATIENCE = 90
"""Seconds in which even a busy machine answers: later, a case waits for what never comes."""
BYTES = 1_000_000_000

_LINE = re.compile(
    r"payoff: |note: |drew |wrote |  \d+ wait for MLflow|  train these again|payoff \w+: error: "
)
"""How a line on stderr begins."""
_USAGE = re.compile(r"^usage: (?:.*\n)+?(?=payoff \w+: error: )", re.MULTILINE)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys, or no file can hold."""


_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
"""Where compiled kernels lie."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command did."""

    status: int
    out: str
    err: str
    seconds: float
    """Of the processor."""
    waited: float
    peak: int
    """Bytes."""
    hung: bool

    @property
    def faults(self) -> list[str]:
        """What is against the rule."""
        found = []
        if self.hung:
            return [f"took over {SECONDS} s"]
        if "Traceback (most recent call last)" in self.err:
            found.append("a traceback")
        if self.status not in (0, 2):
            found.append(f"status {self.status}")
        if self.peak > BYTES:
            found.append(f"{self.peak / 1e6:.0f} MB")
        lines = [line for line in _USAGE.sub("", self.err).splitlines() if line.strip()]
        if self.status == 2 and not lines:
            found.append("status 2 without a word")
        strange = [line for line in lines if not _LINE.match(line)]
        if strange and not found:
            found.append(f"a line that is none of ours: {strange[0][:120]!r}")
        if (bad := _FORBIDDEN.search(self.out)) or (bad := _FORBIDDEN.search(self.err)):
            found.append(f"prints {bad[0]!r}")
        return found


class Answering:
    """A process that has imported what commands need, and runs each case in a fork of itself."""

    def __init__(self, folder: Path, *modules: str) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forking.py")), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(HOME=str(folder), XDG_CACHE_HOME=str(_CACHE)),
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, call: str, *words: Any) -> Answer:
        """Call ``MODULE:FUNCTION`` with what JSON can hold."""
        assert self._process.stdin is not None and self._process.stdout is not None
        out, err = self.folder / ".out", self.folder / ".err"
        where = {"folder": str(self.folder), "out": str(out), "err": str(err)}
        bounds = {"seconds": SECONDS, "patience": PATIENCE, "memory": BYTES}
        case = {"call": call, "words": words, **where, **bounds}
        print(json.dumps(case), file=self._process.stdin, flush=True)
        told = json.loads(self._process.stdout.readline())
        printed, said = (path.read_text("utf-8", errors="surrogateescape") for path in (out, err))
        return Answer(out=printed, err=said, **told)

    def payoff(self, *words: str) -> Answer:
        """Run one command of ``payoff``."""
        return self.ask("study.cli:main", list(words))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def require(answer: Answer, words: Sequence[str] = ()) -> None:
    """Fail with all that is against the rule."""
    faults = answer.faults
    assert not faults, f"{faults}: {' '.join(words)}\n{answer.err[-3000:]}\n{answer.out[-300:]}"
