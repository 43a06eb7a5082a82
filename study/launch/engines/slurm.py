"""Workers as an array of SLURM jobs, written and submitted by submitit."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.errors import PayoffError
from study.launch.engines.engine import Engine, Order, watch_over
from study.launch.joining import environment
from study.redaction import redact

MARGIN_HOURS = 0.05
"""Workers take nothing that may not end so long before their job does."""

QUICK_ROUNDS = 3
"""Arrays that may end one after the other, with no trial finished between, before giving up."""


@dataclass(frozen=True, kw_only=True)
class Slurm(Engine):
    """One array of jobs, each a worker; submitted again if all ended too early.

    The addresses travel in the environment, which ``sbatch`` hands to its jobs. Interrupting the
    launcher leaves the jobs at work; starting it again goes on watching, and concludes.
    """

    max_hours: float = 24.0
    partition: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    memory_gib: float | None = None

    def options(self, parser: argparse.ArgumentParser) -> None:
        words = "slurm: hours of each job (default: 24)"
        parser.add_argument("--max-hours", type=float, default=self.max_hours, help=words)
        parser.add_argument("--partition", help="slurm: the partition")

    def run(self, order: Order) -> None:
        """Submit the array and watch the study."""
        watch_over(order, _Array(self, order).look_after)

    def parameters(self, name: str) -> dict[str, Any]:
        """Return what each job asks of the cluster, in submitit's words."""
        asked = {
            "gpus_per_node": max(1, round(self.gpus)) if self.gpus else None,
            "mem": f"{self.memory_gib:g}GB" if self.memory_gib else None,
            "partition": self.partition,
        }
        return {
            "job_name": f"payoff-{name}",
            "time": max(1, round(60 * self.max_hours)),
            "cpus_per_task": max(1, round(self.cpus)),
            "setup": [],
            **{key: value for key, value in asked.items() if value},
        }


@dataclass(frozen=True, kw_only=True)
class Join:
    """What one job of the array does: be a worker. Holds no address, so no password."""

    study_file: str | None
    root: str
    max_hours: float

    def __call__(self) -> int:
        """Run ``payoff worker``; return its exit status."""
        words = [sys.executable, "-P", "-m", "study.cli", "worker", "--root", self.root]
        words += ["--max-hours", str(self.max_hours), *filter(None, [self.study_file])]
        return subprocess.run(words, check=False).returncode


ENGINE = Slurm()


class _Array:
    """The jobs of one launch."""

    def __init__(self, engine: Slurm, order: Order) -> None:
        try:
            import submitit
        except ImportError:
            text = "--on slurm: submitit is not installed; pip install 'payoff[slurm]'"
            raise PayoffError(text) from None
        self._spec, self._keeper = order.spec, order.keeper
        logs = order.places.logs(order.spec.name)
        try:
            self._executor = submitit.SlurmExecutor(
                folder=logs / "slurm" / "%j",
                # -P: a file study.py where it is launched must not stand in for this package.
                python=f"{shlex.quote(sys.executable)} -P",
            )
        except RuntimeError as error:
            text = f"--on slurm: {redact(error)}; launch where sbatch and srun are"
            raise PayoffError(text) from None
        self._executor.update_parameters(**engine.parameters(order.spec.name))
        self._join = Join(
            study_file=str(Path(order.study_file).resolve()) if order.study_file else None,
            root=str(order.places.root),
            max_hours=max(engine.max_hours - MARGIN_HOURS, engine.max_hours / 2),
        )
        self._jobs: list[Any] = []
        self._rounds, self._finished = 0, -1

    def look_after(self) -> None:
        """Submit the array; again once all its jobs have ended while trials are left."""
        if any(not job.done() for job in self._jobs):
            return
        counts = self._keeper.store.counts()
        if not self._jobs and self._keeper.living():  # workers of an earlier launch
            return
        self._rounds = self._rounds + 1 if counts.finished == self._finished else 1
        self._finished = counts.finished
        if self._rounds > QUICK_ROUNDS:
            raise PayoffError(
                f"SLURM's jobs end with nothing done: {self._last_words()}; "
                f"their logs are in {self._executor.folder.parent}"
            )
        number = self._keeper.store.n_hands(self._spec.run.workers or 1)
        with _in_environment(environment(self._spec)):
            self._jobs = self._executor.submit_array([self._join] * number)

    def _last_words(self) -> str:
        for job in self._jobs:
            lines = (job.stderr() or job.stdout() or "").strip().splitlines()
            if lines:
                return redact(lines[-1])
        return "they said nothing"


@contextlib.contextmanager
def _in_environment(variables: dict[str, str]) -> Any:
    before = {name: os.environ.get(name) for name in variables}
    os.environ |= variables
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ |= {name: value for name, value in before.items() if value is not None}
