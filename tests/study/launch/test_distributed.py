"""Studies over several workers and real databases lose nothing and double nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from study.queue.leases import living
from tests.support.databases import Server
from tests.support.studies import check_whole, n_finished, start, write_study
from tests.support.waiting import end_of, hear, wait_until

pytestmark = pytest.mark.slow


def test_eight_workers_run_500_trials_on_postgresql_exactly(
    postgresql: str, tmp_path: Path
) -> None:
    total = write_study(tmp_path, seconds=0.02, widths=10, draws=25, optuna=postgresql)
    assert total == 500
    end_of(start(tmp_path, "launch", "--workers", "8"))
    check_whole(tmp_path, total)


def test_workers_of_other_folders_join_leave_and_die(postgresql: str, tmp_path: Path) -> None:
    total = write_study(tmp_path, seconds=0.3, widths=5, draws=12)
    # No address in the file or the command line: it comes from the environment.
    there = {"PAYOFF_STORAGE": postgresql, "PAYOFF_TRACKING": f"sqlite:///{tmp_path}/shared.db"}
    early = start(tmp_path, "worker", root="one", **there)  # waits for the study to be started
    launcher = start(tmp_path, "launch", "--workers", "1", **there)
    doomed = start(tmp_path, "worker", root="two", **there)
    leaver = start(tmp_path, "worker", root="three", **there)
    for root in ("two", "three"):
        wait_until(partial(living, tmp_path / root / "leases"), alive=launcher)
    wait_until(lambda: n_finished(tmp_path, postgresql) >= 20, alive=launcher)
    doomed.kill()
    leaver.send_signal(signal.SIGTERM)
    assert "trials done" in end_of(leaver)
    end_of(early)
    end_of(launcher)
    doomed.communicate()
    text = (tmp_path / "study.toml").read_text()
    (tmp_path / "study.toml").write_text(
        text.replace('mlflow = ""', f'mlflow = "sqlite:///{tmp_path}/shared.db"')
    )
    end_of(start(tmp_path, "sync", PAYOFF_STORAGE=postgresql))
    check_whole(tmp_path, total, storage=postgresql)


def test_a_restarted_postgresql_is_waited_for(own_postgresql: Server, tmp_path: Path) -> None:
    own = own_postgresql
    total = write_study(tmp_path, seconds=0.3, widths=4, draws=10, optuna=own.address)
    run = start(tmp_path, "run", "--workers", "3")
    wait_until(lambda: n_finished(tmp_path) >= 5, alive=run)
    own.stop(signal.SIGQUIT)
    hear(run, "workers wait for")
    wait_until(lambda: len(waiting(tmp_path)) == 3, alive=run)
    own.start()
    wait_until(lambda: n_finished(tmp_path) >= 20, alive=run)
    own.stop()
    own.start()
    end_of(run)
    check_whole(tmp_path, total)


def waiting(folder: Path) -> set[str]:
    """Return the workers that have said in their logs that the database is away."""
    lines = [
        json.loads(line)
        for log in (folder / "mlruns" / "logs").rglob("*.jsonl")
        for line in log.read_text().splitlines()
    ]
    return {line["worker"] for line in lines if line["event"] == "away"}


def test_all_killed_at_once_and_one_command_goes_on_to_the_exact_total(
    postgresql: str, tmp_path: Path
) -> None:
    total = write_study(tmp_path, seconds=0.3, widths=4, draws=6, optuna=postgresql)
    run = start(tmp_path, "launch", "--workers", "4")
    wait_until(lambda: n_finished(tmp_path) >= 8, alive=run)
    workers = [int(name.split("-")[-2]) for name in living(tmp_path / "mlruns" / "leases")]
    for process in (run.pid, *workers):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    run.communicate()
    end_of(start(tmp_path, "run"))
    check_whole(tmp_path, total)
