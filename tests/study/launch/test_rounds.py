"""A study that chooses its own trials: the same ones whoever runs it, each exactly once."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from search_spaces.errors import PayoffError
from study.launch.keeping import Keeper
from study.launch.offers import offers_of, take
from study.launch.progress import round_line
from study.launch.rounds import Rounds
from study.places import Places
from study.plan.rounds import Round, Wanted
from study.queue.leases import living
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.spec.sections import DecideSection
from study.spec.study_file import load_spec
from tests.support import queues
from tests.support.commands import environment, payoff
from tests.support.waiting import end_of, wait_until

STUDY = """
[study]
name = "rounds"
[data]
sizes = [100, 400]
[training]
function = "mine.py:train"
[space]
units = { low = 2, high = 512, role = "scientific" }
[search]
trials = 0
[replicates]
draws = 2
[run]
workers = WORKERS
[decide]
target = 4.0
budget = "160 trials"
rounds = 6
[analysis]
resamples = 300
"""

GRID = """
[study]
name = "rounds"
routes = ["train"]
[data]
sizes = [80, 160]
[space]
width = [1, 2, 4, 8, 16]
depth = [1]
learning_rate = 0.01
weight_decay = 0.01
dropout = 0.0
[training]
epochs = 10
min_steps = 100
[search]
trials = 0
[replicates]
draws = 3
[analysis]
resamples = 300
"""

TRAINER = """
import math, random

def train(config, n_examples, seed):
    units, luck = config["units"], random.Random(seed)
    error = 0.02 + 1.5 * units ** -1.2 + 0.4 * n_examples ** -0.5
    error *= math.exp(luck.gauss(0.0, 0.06))
    return {"val_error": error, "test_error": error, "n_parameters": 10 * units}
"""


def folder_of(path: Path, workers: int) -> Path:
    path.mkdir()
    (path / "study.toml").write_text(STUDY.replace("WORKERS", str(workers)))
    (path / "mine.py").write_text(TRAINER)
    return path


def store_of(folder: Path) -> StudyStore:
    storage = open_storage("", Places.at(folder / "mlruns"))
    return StudyStore(load_spec(folder / "study.toml"), storage)


def plans(folder: Path) -> list[tuple[object, ...]]:
    """What the rounds of a study queued, without what they took."""
    return [(one.number, one.wanted, one.sizes, one.ends) for one in store_of(folder).rounds]


def check_logged_once(folder: Path) -> None:
    """Every trial of design and rounds is one finished run, and every parent is finished."""
    from mlflow import MlflowClient

    store, places = store_of(folder), Places.at(folder / "mlruns")
    counts = store.counts()
    assert counts.complete == counts.total
    client = MlflowClient(tracking_uri=places.mlflow_address)
    experiment = client.get_experiment_by_name("rounds")
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id], max_results=1000))
    assert {run.info.status for run in runs} == {"FINISHED"}
    told = Counter(r.data.tags["payoff.trial"] for r in runs if "payoff.trial" in r.data.tags)
    assert len(told) == counts.total
    assert set(told.values()) == {1}
    parents = [run for run in runs if run.data.tags.get("payoff.kind") == "size"]
    finished = {int(r.data.tags["n_examples"]): r.data.metrics["trials_finished"] for r in parents}
    assert finished == store.trials.per_size()


def run(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "study.cli", "run", "study.toml"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def n_rounds(folder: Path) -> int:
    with contextlib.suppress(Exception):  # read in the middle of the queueing
        return len(store_of(folder).rounds)
    return 0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study, run by one worker."""
    folder = folder_of(tmp_path_factory.mktemp("rounds") / "alone", 1)
    payoff("run", "study.toml", folder=folder)
    return folder


@pytest.mark.slow
def test_a_study_goes_on_until_it_is_decided_or_its_budget_is_spent(alone: Path) -> None:
    rounds = store_of(alone).rounds
    assert [one.number for one in rounds] == list(range(1, len(rounds) + 1))
    assert [bool(one.ends) for one in rounds] == [False] * (len(rounds) - 1) + [True]
    assert len(rounds) > 1
    total = 2 * 5 * 2 + sum(one.n_trials for one in rounds)
    assert store_of(alone).counts().total == total <= 160
    if rounds[-1].ends == "decided":
        assert all(one.factor is not None and one.factor <= 4.0 for one in rounds[-1].sizes)
    else:
        assert rounds[-1].ends == "spent"
    units = {one.params["units"] for one in store_of(alone).records()}
    assert units > {2, 512}
    check_logged_once(alone)


@pytest.mark.slow
def test_two_workers_choose_what_one_chooses(alone: Path, tmp_path: Path) -> None:
    two = folder_of(tmp_path / "two", 2)
    payoff("run", "study.toml", folder=two)
    assert plans(two) == plans(alone)
    ours, theirs = ({r.slot: r.metrics for r in store_of(f).records()} for f in (two, alone))
    names = {"val_error", "test_error"}
    assert {s: {n: m[n] for n in names} for s, m in ours.items()} == {
        s: {n: m[n] for n in names} for s, m in theirs.items()
    }
    check_logged_once(two)


@pytest.mark.slow
def test_a_run_that_is_killed_between_and_within_rounds_ends_as_if_it_had_not_been(
    alone: Path, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "killed", 2)
    for at_least in (0, 1, 2):
        going = run(folder)
        with contextlib.suppress(AssertionError):  # it came to its end first
            wait_until(lambda n=at_least: n_rounds(folder) > n, alive=going)  # type: ignore[misc]
        time.sleep(0.2 * at_least)
        going.send_signal(signal.SIGKILL)
        going.communicate()
    end_of(run(folder))
    assert plans(folder) == plans(alone)
    check_logged_once(folder)


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_plans_leaves_the_turn_to_another(
    alone: Path, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "planner", 2)
    going = run(folder)
    leases = folder / "mlruns" / "leases"
    wait_until(lambda: living(leases), alive=going)
    wait_until(lambda: n_rounds(folder) > 0, alive=going)
    for name in living(leases)[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(name.split("-")[-2]), signal.SIGKILL)
    end_of(going)
    assert plans(folder) == plans(alone)
    check_logged_once(folder)


@pytest.mark.slow
def test_who_asks_for_more_gets_another_round(alone: Path) -> None:
    before = store_of(alone)
    done, rounds = before.counts().total, len(before.rounds)
    again = payoff("run", "study.toml", folder=alone)
    assert store_of(alone).counts().total == done
    assert "0 trials in" in again.stderr
    more = payoff("run", "study.toml", "--target", "1.2", "--budget", "200 trials", folder=alone)
    after = store_of(alone)
    assert after.rounds[:rounds] == before.rounds
    assert done < after.counts().total <= 200
    last: Round = after.rounds[-1]
    assert last.ends in ("spent", "no help")
    assert last.asked["target"] == 1.2
    assert f"{done:,} trials" in more.stderr
    told = json.loads(payoff("status", "study.toml", "--json", folder=alone).stdout)
    assert [one["number"] for one in told["rounds"]] == list(range(1, len(after.rounds) + 1))
    assert told["round_to_come"] is False
    assert "after round" in payoff("status", "study.toml", folder=alone).stdout
    check_logged_once(alone)


@pytest.mark.slow
def test_an_entry_of_the_price_list_is_taken_to_the_trial(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "study.toml").write_text(GRID)
    payoff("run", "study.toml", folder=folder)
    before = store_of(folder).counts().total
    assert before == 2 * 5 * 3
    listed = json.loads(payoff("next", "study.toml", "--json", folder=folder).stdout)
    offers = listed["offers"]
    assert [one["number"] for one in offers] == list(range(1, len(offers) + 1))
    new = [w for w in offers[-1]["wanted"] if w["capacity"]["width"] == 32]
    assert new, "no entry adds a larger capacity"
    words = payoff("next", "study.toml", folder=folder).stdout
    assert f"1  {offers[0]['n_trials']:,} trials, " in words
    assert "take one with: payoff next study.toml --take 1" in words
    assert store_of(folder).counts().total == before
    last = offers[-1]
    taken = payoff("next", "study.toml", "--take", str(last["number"]), folder=folder)
    assert "training examples" in taken.stdout
    store = store_of(folder)
    assert store.counts().complete == store.counts().total == before + last["n_trials"]
    assert not store.awaits_round()
    assert 32 in {record.params["width"] for record in store.records()}
    check_logged_once(folder)
    none = subprocess.run(
        [sys.executable, "-m", "study.cli", "next", "study.toml", "--take", "99"],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert none.returncode == 2
    assert "--take: must be an entry of the list" in none.stderr
    assert none.stderr.count("\n") == 1


@pytest.mark.parametrize("still_asked", [True, False])
def test_a_round_whose_planner_died_before_it_was_queued_is_queued_by_who_joins_later(
    tmp_path: Path, still_asked: bool
) -> None:
    places = Places.at(tmp_path / "mlruns")
    spec = queues.spec_of(decide={"target": 3.0})
    begun = StudyStore(spec, open_storage("", places))
    begun.prepare()
    begun.planned.ask(spec.decide)
    queues.drain(begun)
    wanted = Wanted(n_examples=80, capacity={"width": 2, "depth": 1}, replicates=4, search=2)
    begun.planned.add(Round(number=1, asked=begun.planned.asked() or {}, wanted=(wanted,)))
    if not still_asked:
        begun.planned.ask(DecideSection())
    late = StudyStore(spec, open_storage("", places, create=False))
    assert late.claim("late") == ()
    assert late.lacks_trials
    rounds = Rounds(Keeper(late, places, "late"), "late")
    assert rounds.advance(lambda planned: pytest.fail("it was planned before")) == "more"
    assert len(queues.drain(late)) == 2
    assert not late.lacks_trials
    assert late.counts().complete == late.counts().total
    if not still_asked:
        assert rounds.advance(lambda planned: pytest.fail("nobody asks for more")) == "end"


@pytest.mark.slow
def test_after_an_entry_was_taken_the_study_can_go_on_by_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TRAINER)
    file = tmp_path / "study.toml"
    grid = STUDY.replace("WORKERS", "1").replace("low = 2, high = 512", "values = [2, 16, 64, 512]")
    file.write_text(grid[: grid.index("[decide]")] + grid[grid.index("[analysis]") :])
    payoff("run", "study.toml", folder=tmp_path)
    listed = offers_of(store_of(tmp_path), 1.5)
    first, other = listed.offers[0], dataclasses.replace(listed.offers[0], wanted=())
    take(store_of(tmp_path), listed, first)
    with pytest.raises(PayoffError, match="other trials were queued while the list was made"):
        take(store_of(tmp_path), listed, other)
    decided = sum(one.state == "decided" for one in listed.standings)
    line = round_line(store_of(tmp_path).rounds[0])
    assert line.startswith(f"round 1: {decided} of 2 dataset sizes decided; {first.n_trials} more")
    payoff("run", "study.toml", "--target", "1.5", folder=tmp_path)
    store = store_of(tmp_path)
    assert store.rounds[-1].ends in ("spent", "no help")
    assert store.counts().complete == store.counts().total <= 4 * (16 + first.n_trials)
    unknown = ("--target", "1.4", "--budget", "1e9 FLOPs")
    told = payoff("run", "study.toml", *unknown, folder=tmp_path)
    assert "cannot go on: the budget is in FLOPs" in told.stderr
    assert store_of(tmp_path).rounds[-1].ends == "stuck"
