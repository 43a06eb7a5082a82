"""Kill a run as often as you like: the total is exact, and nothing is lost or counted twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from study.places import Places
from study.queue.leases import living
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.record import TrialRecord, Value
from study.spec.study_file import load_spec
from study.tracking.spool import Spool
from tests.support.commands import environment
from tests.support.waiting import FAR_AWAY, end_of, hear, wait_until

STUDY = """
[study]
name = "killed"
[data]
sizes = [80, 160]
[space]
width = [2, 4, 8]
depth = [1]
prune_ratio = [0.0, 0.5]
[training]
epochs = 60
min_steps = 600
[search]
trials = 4
[replicates]
draws = 2
[analysis]
resamples = 100
"""
SEARCHES = 6 * 4
TOTAL = SEARCHES + 6 * 2 * 2
NUISANCE = ("learning_rate", "weight_decay", "dropout")


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "study.cli", "run", "study.toml"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def finished(folder: Path) -> int:
    places = Places.at(folder / "mlruns")
    if not places.optuna_journal.exists():
        return 0
    with contextlib.suppress(Exception):  # read in the middle of the queueing
        spec = load_spec(folder / "study.toml")
        return StudyStore(spec, open_storage("", places)).counts().finished
    return 0


def gets_further(folder: Path, than: int) -> bool:
    return finished(folder) > than


def check_everything(folder: Path, total: int = TOTAL) -> None:
    """Exactly the design's trials in Optuna, and exactly one finished MLflow run for each."""
    from mlflow import MlflowClient

    places = Places.at(folder / "mlruns")
    spec = load_spec(folder / "study.toml")
    store = StudyStore(spec, open_storage("", places))
    counts = store.counts()
    assert (counts.complete, counts.waiting, counts.running, counts.failed) == (total, 0, 0, 0)
    records = store.records()
    assert len(records) == total
    assert Spool(places.spool(spec.name)).waiting() == 0
    client = MlflowClient(tracking_uri=places.mlflow_address)
    experiment = client.get_experiment_by_name(spec.name)
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id], max_results=1000))
    trials = [run for run in runs if "payoff.trial" in run.data.tags]
    assert {run.info.status for run in runs} == {"FINISHED"}
    per_trial = Counter(run.data.tags["payoff.trial"] for run in trials)
    assert len(per_trial) == total
    assert set(per_trial.values()) == {1}
    check_winners(records)
    # The run says what Optuna says.
    logged = {run.data.tags["payoff.trial"].split("/")[-1]: run for run in trials}
    for record in records:
        assert logged[record.slot].data.metrics["val_error"] == record.metrics["val_error"]
    kinds = Counter(run.data.tags.get("payoff.kind") for run in runs)
    assert kinds["size"] == 2
    assert kinds["analysis"] == 1
    assert kinds["curve"] == 2


def check_winners(records: Iterable[TrialRecord]) -> None:
    """One winner in each cell, found by the model: all replicates have its values."""
    tried: dict[str, set[tuple[Value, ...]]] = defaultdict(set)
    given: dict[str, set[tuple[Value, ...]]] = defaultdict(set)
    for record in records:
        found = tried if record.phase == "search" else given
        found[record.cell].add(tuple(record.params[name] for name in NUISANCE))
    assert len(given) == 6
    assert {len(values) for values in given.values()} == {1}
    assert any(not values & tried[cell] for cell, values in given.items())


@pytest.mark.slow
def test_five_sigkills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    moments = random.Random(7)
    for kill in range(5):
        run = start(tmp_path)
        before = finished(tmp_path)
        # Let every second run get somewhere, and kill the others on their way up.
        if kill % 2 and before < TOTAL:
            wait_until(partial(gets_further, tmp_path, before), alive=run)
        time.sleep(moments.uniform(0.0, 4.0))
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert run.stderr is not None
        run.stderr.close()
    end_of(start(tmp_path))
    check_everything(tmp_path)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_trials_run_again(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    run = start(tmp_path)
    leases = tmp_path / "mlruns" / "leases"
    wait_until(lambda: living(leases), alive=run)
    worker = int(living(leases)[0].split("-")[-2])
    wait_until(partial(gets_further, tmp_path, 0), alive=run)
    os.kill(worker, signal.SIGKILL)
    end_of(run)
    check_everything(tmp_path)


@pytest.mark.slow
def test_workers_killed_among_replicates_leave_each_cell_its_one_winner(tmp_path: Path) -> None:
    # Many cheap replicates, so that some are in hand and some wait when each worker dies.
    study = STUDY.replace("draws = 2", "draws = 12") + "[run]\nmax_attempts = 9\n"
    (tmp_path / "study.toml").write_text(study)
    run = start(tmp_path)
    leases = tmp_path / "mlruns" / "leases"
    for n_finished in (SEARCHES, SEARCHES + 12, SEARCHES + 48):
        wait_until(partial(gets_further, tmp_path, n_finished), alive=run)
        for name in living(leases):
            if (worker := int(name.split("-")[-2])) != run.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    end_of(run)
    check_everything(tmp_path, SEARCHES + 6 * 12 * 2)


@pytest.mark.slow
def test_a_second_start_beside_the_first_is_safe(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    runs = [start(tmp_path) for _ in range(2)]
    for run in runs:
        end_of(run)
    check_everything(tmp_path)


@pytest.mark.slow
def test_ctrl_c_hands_over_cleanly_and_the_next_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    run = start(tmp_path)
    leases = tmp_path / "mlruns" / "leases"
    wait_until(lambda: finished(tmp_path), alive=run)
    workers = [int(name.split("-")[-2]) for name in living(leases)]
    for worker in workers:  # they can't finish before Ctrl-C is heard, however fast they are
        os.kill(worker, signal.SIGSTOP)
    done = finished(tmp_path)
    assert done < TOTAL
    run.send_signal(signal.SIGINT)
    hear(run, "finishing the trials in hand; Ctrl-C again stops at once")
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    _, words = run.communicate(timeout=FAR_AWAY)
    assert run.returncode == 130
    done = finished(tmp_path)
    if done < TOTAL:  # what was in hand was not all that was left
        assert f"stopped after {done} trials; go on with: payoff run study.toml" in words.decode()
        store = StudyStore(
            load_spec(tmp_path / "study.toml"),
            open_storage("", Places.at(tmp_path / "mlruns")),
        )
        assert store.counts().running == 0
    end_of(start(tmp_path))
    check_everything(tmp_path)
