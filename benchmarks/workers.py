"""Do several workers on one machine scale, and how long do they wait?

    python -m benchmarks.workers

1. A compute-bound study (perceptrons of two layers of 256 units, digits, a journal) with one and
   with two worker processes: trials a second from the first pack taken to the last trial told.
2. Eight workers on PostgreSQL (started here) with trials that sleep for two seconds: the share of
   their time in which workers waited for the storage, or had nothing to do while trials were left.

Figures come from the workers' own logs.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.commands import environment
from tests.support.databases import database_server, new_database
from tests.support.studies import write_study

COMPUTE = """
[study]
name = "compute"
[data]
sizes = [1280]
[space]
width = [256]
depth = [2]
prune_ratio = 0.0
learning_rate = 0.003
weight_decay = 0.01
dropout = 0.1
[search]
trials = 0
[replicates]
draws = 160
[run]
workers = WORKERS
[analysis]
resamples = 100
"""


def events(folder: Path, study: str) -> dict[str, list[dict[str, Any]]]:
    """Return the events of each worker."""
    return {
        path.name: [json.loads(line) for line in path.read_text().splitlines()]
        for path in (folder / "mlruns" / "logs" / study).glob("*.jsonl")
    }


def payoff(folder: Path, *words: str) -> None:
    """Run a payoff command on the study of a folder."""
    subprocess.run(
        [sys.executable, "-m", "study.cli", words[0], "study.toml", "--quiet", *words[1:]],
        cwd=folder,
        check=False,  # one size is no curve: the analysis may say so
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )


def speed(workers: int) -> float:
    """Return the trials a second of a compute-bound study."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.toml").write_text(COMPUTE.replace("WORKERS", str(workers)))
        payoff(folder, "run")
        every = [event for log in events(folder, "compute").values() for event in log]
        taken = min(event["time"] for event in every if event["event"] == "take")
        told = [event["time"] for event in every if event["event"] == "trial"]
        assert len(told) == 160, f"{len(told)} trials of 160"
        return len(told) / (max(told) - taken)


def waiting() -> tuple[float, float, int]:
    """Return the shares of time in the storage and idle, and the trials, of eight workers."""
    with tempfile.TemporaryDirectory() as name, database_server("postgresql") as server:
        folder = Path(name)
        address = new_database(server.address)
        total = write_study(folder, seconds=2.0, widths=5, draws=32, optuna=address)
        payoff(folder, "launch", "--workers", "8")
        ends = [log[-1] for log in events(folder, "sleeper").values()]
        assert sum(end["trials"] for end in ends) == total, "trials were lost"
        spent = sum(end["training"] + end["storage"] + end["idle"] for end in ends)
        return (
            sum(end["storage"] for end in ends) / spent,
            sum(end["idle"] for end in ends) / spent,
            total,
        )


def main() -> None:
    """Measure and print."""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; torch {version('torch')}, "
        f"optuna {version('optuna')}"
    )
    one, two = [], []
    for _ in range(3):
        one.append(speed(1))
        two.append(speed(2))
        print(f"compute-bound: {one[-1]:.2f} trials/s with one worker, {two[-1]:.2f} with two")
    ratios = sorted(b / a for a, b in zip(one, two, strict=True))
    print("two workers over one: " + ", ".join(f"{ratio:.2f}x" for ratio in ratios))
    stored, idle, total = waiting()
    print(
        f"eight workers on PostgreSQL, {total} trials of 2 s: {stored:.1%} of their time in the "
        f"storage, {idle:.1%} with nothing ready"
    )


if __name__ == "__main__":
    main()
