"""Harm a study in every way for some minutes; it must end by itself, whole.

    python -m benchmarks.chaos [--minutes 10] [--workers 6] [--no-ray] [--no-mount]

Over a real study of trials that sleep, on PostgreSQL and an MLflow server: a random worker is
killed every few seconds, PostgreSQL is restarted twice, the MLflow server is killed twice, the disk
of the spool is filled once (a small tmpfs, where mounting is possible), and a node of a Ray cluster
whose workers take part is lost. Then: the exact total, nothing lost, nothing doubled, nothing left
running in Optuna or MLflow. Prints what happened as JSON; the exit status is 0 if all of it holds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from study.places import Places
from study.queue.leases import living
from tests.support.commands import environment
from tests.support.databases import Server, database_server
from tests.support.servers import free_port, kill_group, start_mlflow, wait_until_healthy
from tests.support.studies import check_whole, start, store_of, write_study
from tests.support.waiting import FAR_AWAY

SPOOL_BYTES = 16 * 2**20


class Mlflow:
    """An MLflow server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        self.start()

    def start(self) -> None:
        """Start it; whoever wants it waits."""
        self.process = start_mlflow(self.folder, self.port)

    def kill(self) -> None:
        """Kill it and all its workers."""
        kill_group(self.process)

    def wait(self) -> None:
        """Return as soon as it answers."""
        wait_until_healthy(self.process, self.port, self.folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system for the spool; yields whether that was possible."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SPOOL_BYTES}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=False)


class Chaos:
    """What is done to the study, and when."""

    def __init__(
        self, folder: Path, server: Server, mlflow: Mlflow, *, minutes: float, every: float
    ) -> None:
        self.folder, self.server, self.mlflow = folder, server, mlflow
        self.calm = folder / "calm"
        """The last trial waits for this file: the study does not end in the middle of the harm."""
        self.seconds, self.every = 60 * minutes, every
        self.random = random.Random(7)
        self.figures: dict[str, Any] = {
            "workers_killed": 0,
            "postgresql_restarts": 0,
            "mlflow_kills": 0,
            "disk_filled": 0,
            "ray_nodes_lost": 0,
        }
        self._due: list[tuple[float, Callable[[], None]]] = []

    def at(self, share: float, action: Callable[[], None]) -> None:
        """Do something once this share of the time has passed."""
        self._due.append((share * self.seconds, action))

    def kill_a_worker(self) -> None:
        """Kill one of the workers that live."""
        alive = living(self.folder / "mlruns" / "leases")
        if alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self.random.choice(alive).split("-")[-2]), signal.SIGKILL)
                self.figures["workers_killed"] += 1

    def restart_postgresql(self, away: float) -> None:
        """Take the database away for so many seconds."""
        self.server.stop(signal.SIGQUIT)
        time.sleep(away)
        self.server.start()
        self.figures["postgresql_restarts"] += 1

    def restart_mlflow(self, away: float) -> None:
        """Kill the MLflow server, and start it again.

        Not while it makes its database: half of one would keep it from ever starting.
        """
        self.mlflow.wait()
        self.mlflow.kill()
        time.sleep(away)
        self.mlflow.start()
        self.figures["mlflow_kills"] += 1

    def fill_disk(self, spool: Path, seconds: float) -> None:
        """Leave no room in the spool for so many seconds."""
        filler = spool / ".filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        time.sleep(seconds)
        filler.unlink()
        self.figures["disk_filled"] += 1

    def run(self, launchers: list[subprocess.Popen[bytes]]) -> None:
        """Do it all, let all come back, then wait for the launchers to end by themselves."""
        began = next_kill = time.monotonic()
        while any(one.poll() is None for one in launchers):
            elapsed = time.monotonic() - began
            assert elapsed < 4 * self.seconds + FAR_AWAY, "the study did not end"
            for due in [one for one in self._due if one[0] <= elapsed]:
                self._due.remove(due)
                due[1]()
            if elapsed < self.seconds and time.monotonic() >= next_kill:
                self.kill_a_worker()
                next_kill = time.monotonic() + self.every
            if elapsed >= self.seconds and not self.calm.exists():
                self.mlflow.wait()
                self.calm.touch()
            time.sleep(0.2)
        self.figures["seconds"] = round(time.monotonic() - began, 1)
        self.figures["left_undone"] = len(self._due)


def lose_node(cluster: Any, node: Any, figures: dict[str, Any]) -> None:
    """Take a node of the Ray cluster away."""
    cluster.remove_node(node)
    figures["ray_nodes_lost"] += 1


def main(words: list[str] | None = None) -> int:
    """Run it and print what happened."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two kills")
    parser.add_argument("--rate", type=float, default=2.0, help="trials a second to plan for")
    parser.add_argument("--no-ray", action="store_true")
    parser.add_argument("--no-mount", action="store_true")
    args = parser.parse_args(words)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="payoff-chaos-", ignore_cleanup_errors=True)
            )
        )
        server = stack.enter_context(database_server("postgresql"))
        mlflow = Mlflow(folder / "mlflow")
        stack.callback(mlflow.kill)
        chaos = Chaos(folder, server, mlflow, minutes=args.minutes, every=args.every)
        draws = max(2, round(60 * args.minutes * args.rate / 12))
        total = write_study(
            folder,
            seconds=2.0,
            widths=6,
            draws=draws,
            optuna=server.address,
            mlflow=f"http://127.0.0.1:{mlflow.port}",
            until=chaos.calm,
        )
        spool = Places.at(folder / "mlruns").spool("sleeper")
        mounted = not args.no_mount and stack.enter_context(small_disk(spool))
        mlflow.wait()
        launchers = [start(folder, "launch", "--workers", str(args.workers))]
        if not args.no_ray:
            launchers.append(_on_ray(stack, folder, chaos))
        away = min(8.0, 6 * args.minutes)
        for share in (0.25, 0.6):
            chaos.at(share, lambda: chaos.restart_postgresql(away))
        for share in (0.15, 0.7):
            chaos.at(share, lambda: chaos.restart_mlflow(2 * away))
        if mounted:
            chaos.at(0.45, lambda: chaos.fill_disk(spool, 2 * away))
        for one in launchers:
            stack.callback(one.kill)
        chaos.run(launchers)
        said = [one.communicate()[1].decode() for one in launchers]
        figures = {**chaos.figures, "trials": total, "exits": [one.returncode for one in launchers]}
        print(json.dumps(figures))
        print("\n".join(said), file=sys.stderr)
        counts = store_of(folder).counts()
        print(counts, file=sys.stderr)
        assert figures["exits"] == [0] * len(launchers)
        assert figures["left_undone"] == 0
        check_whole(folder, total)
    print("whole: exactly the planned trials in Optuna and MLflow, nothing left running")
    return 0


def _on_ray(stack: ExitStack, folder: Path, chaos: Chaos) -> subprocess.Popen[bytes]:
    """Start a Ray cluster with workers of the same study, one node of which will be lost."""
    os.environ["PYTHONPATH"] = environment()["PYTHONPATH"]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    stack.callback(cluster.shutdown)
    cluster.add_node(num_cpus=1)
    node = cluster.add_node(num_cpus=1)
    chaos.at(0.35, lambda: lose_node(cluster, node, chaos.figures))
    words = ("--on", "ray", "--workers", "2", "--address", cluster.address)
    return start(folder, "launch", *words)


if __name__ == "__main__":
    sys.exit(main())
