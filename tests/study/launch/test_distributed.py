"""Studies over several workers and real databases lose nothing and double nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import Server, new_database, postgres_binaries, postgresql
from distributed_studies import check_whole, start, store_of, write_study

from study.queue.leases import living

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL on this machine, and no package pgserver")
    with postgresql() as running:
        yield running


def finish(process: subprocess.Popen[bytes], seconds: float = 400) -> str:
    """Wait for a command to end well; return what it said."""
    _, words = process.communicate(timeout=seconds)
    assert process.returncode == 0, words.decode()
    return words.decode()


def wait_for(folder: Path, trials: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline
        with contextlib.suppress(Exception):
            if store_of(folder).counts().finished >= trials:
                return
        time.sleep(0.3)


def test_eight_workers_run_500_trials_on_postgresql_exactly(server: Server, tmp_path: Path) -> None:
    address = new_database(server, "postgresql", "eight")
    total = write_study(tmp_path, seconds=0.02, widths=10, draws=25, optuna=address)
    assert total == 500
    finish(start(tmp_path, "launch", "--workers", "8"))
    check_whole(tmp_path, total)


def test_workers_of_other_folders_join_leave_and_die(server: Server, tmp_path: Path) -> None:
    address = new_database(server, "postgresql", "others")
    total = write_study(tmp_path, seconds=0.3, widths=5, draws=12)
    # No address in the file or the command line: it comes from the environment.
    there = {"PAYOFF_STORAGE": address, "PAYOFF_TRACKING": f"sqlite:///{tmp_path}/shared.db"}
    early = start(tmp_path, "worker", root="one", **there)  # waits for the study to be started
    launcher = start(tmp_path, "launch", "--workers", "1", **there)
    doomed = start(tmp_path, "worker", root="two", **there)
    leaver = start(tmp_path, "worker", root="three", **there)
    deadline = time.monotonic() + 120
    for root in ("two", "three"):
        while not living(tmp_path / root / "leases"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    while (store_of(tmp_path, address)).counts().finished < 20:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    doomed.kill()
    leaver.send_signal(signal.SIGTERM)
    assert "trials done" in finish(leaver)
    finish(early)
    finish(launcher)
    doomed.communicate()
    text = (tmp_path / "study.toml").read_text()
    (tmp_path / "study.toml").write_text(
        text.replace('mlflow = ""', f'mlflow = "sqlite:///{tmp_path}/shared.db"')
    )
    finish(start(tmp_path, "sync", PAYOFF_STORAGE=address))
    check_whole(tmp_path, total, storage=address)


def test_a_restarted_postgresql_is_waited_for(tmp_path: Path) -> None:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL on this machine, and no package pgserver")
    with postgresql() as own:
        total = write_study(
            tmp_path, seconds=0.3, widths=4, draws=10, optuna=own.addresses["postgresql"]
        )
        run = start(tmp_path, "run", "--workers", "3")
        wait_for(tmp_path, 5)
        own.stop(signal.SIGQUIT)
        time.sleep(4)
        own.start()
        wait_for(tmp_path, 20)
        own.stop()
        own.start()
        assert "does not answer" in (said := finish(run)) or "did not answer" in said
        check_whole(tmp_path, total)


def test_all_killed_at_once_and_one_command_goes_on_to_the_exact_total(
    server: Server, tmp_path: Path
) -> None:
    address = new_database(server, "postgresql", "killed")
    total = write_study(tmp_path, seconds=0.3, widths=4, draws=6, optuna=address)
    run = start(tmp_path, "launch", "--workers", "4")
    wait_for(tmp_path, 8)
    workers = [int(name.split("-")[-2]) for name in living(tmp_path / "mlruns" / "leases")]
    for process in (run.pid, *workers):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    run.communicate()
    finish(start(tmp_path, "run"))
    check_whole(tmp_path, total)
