"""A trainer of the user's own: tried once before the rest, and run again where it was broken."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from study.cli import main
from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.record import TrialRecord
from study.spec.study_file import load_spec

STUDY = """
[study]
name = "own"
[data]
sizes = [100, 200]
[training]
function = "mine.py:train"
[space]
max_leaf_nodes = { values = [4, 8, 16, 32], role = "scientific" }
rate = { low = 0.1, high = 1.0 }
[search]
trials = 2
[replicates]
draws = 2
[run]
workers = 2
[analysis]
resamples = 100
"""

TRAINER = """
import os, pathlib
HERE = pathlib.Path(__file__).parent

def log(*words):
    with open(HERE / "calls.log", "a") as file:
        print(*words, file=file)

def train(config, n_examples, seed):
    leaves = config["max_leaf_nodes"]
    log("begin", leaves, n_examples)
    error = 0.5 * leaves ** -0.4 + seed % 89 / 9000
    answer = {"val_error": error, "test_error": error, "n_parameters": leaves}
    BREAK
    log("end", leaves, n_examples)
    return answer
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text(STUDY)
    return tmp_path


def write_trainer(folder: Path, fault: str = "pass") -> None:
    (folder / "mine.py").write_text(TRAINER.replace("BREAK", fault))


def calls(folder: Path) -> list[str]:
    return (folder / "calls.log").read_text().splitlines()


def records(folder: Path) -> tuple[TrialRecord, ...]:
    storage = open_storage("", Places.at(folder / "mlruns"))
    return StudyStore(load_spec(folder / "own.toml"), storage).records()


@pytest.mark.slow
def test_one_trial_goes_first_alone_and_a_broken_answer_stops_the_study_there(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    faults = {
        "answer = tuple(answer)": "it must return a dict with val_error, test_error, n_parameters, "
        "got a tuple",
        "del answer['test_error']": "its answer lacks test_error, got val_error, n_parameters",
        "raise MemoryError('too large')": "MemoryError: too large (mine.py:14)",
    }
    where = "mine.py:train failed in its first trial (max_leaf_nodes 4, n_examples 100): "
    for fault, reason in faults.items():
        (folder / "calls.log").unlink(missing_ok=True)
        write_trainer(folder, fault)
        assert main(["run", "own.toml", "--quiet"]) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert f"payoff: training.function: {where}{reason}; mend it and go on" in err
        assert err.count("\n") == 1
        assert {line for line in calls(folder) if line.startswith("begin")} == {"begin 4 100"}
        assert records(folder) == ()
    (folder / "calls.log").unlink()
    write_trainer(folder)
    assert main(["run", "own.toml"]) == 0
    err = capfd.readouterr().err
    assert "no trial has finished yet: it begins with other training.function mine.py" in err
    assert Counter(one.status for one in records(folder)) == {"complete": 32}
    assert calls(folder)[:2] == ["begin 4 100", "end 4 100"]
    assert len(calls(folder)) == 64


@pytest.mark.slow
def test_what_failed_runs_again_once_the_trainer_was_mended(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Two cells fail whole; in a third, one search trial, whose cell ends well without it.
    write_trainer(
        folder,
        "once = HERE / 'once'\n"
        "    if (leaves, n_examples) == (4, 200) and not once.exists():\n"
        "        once.touch()\n        return None\n"
        "    if leaves > 8 and n_examples == 200: return answer, 1",
    )
    assert main(["run", "own.toml"]) == 0
    assert "9 of all trials failed or diverged; see: payoff status own.toml; run failed ones " \
        "again: payoff run own.toml --retry-failed" in capfd.readouterr().err  # fmt: skip
    before = {one.slot: one for one in records(folder)}
    assert Counter(one.status for one in before.values()) == {"complete": 23, "failed": 9}
    write_trainer(folder)
    assert main(["run", "own.toml"]) == 2
    assert "or run what failed again with --retry-failed" in capfd.readouterr().err
    assert main(["run", "own.toml", "--retry-failed"]) == 0
    err = capfd.readouterr().err
    assert "8 failed trials run again\n" in err
    assert "1 failed trials stay: what was chosen without them has ended well" in err
    assert "changed since the study was started: training.function mine.py; 23 trials of" in err
    after = {one.slot: one for one in records(folder)}
    assert Counter(one.status for one in after.values()) == {"complete": 31, "failed": 1}
    (stays,) = (one for one in after.values() if one.status == "failed")
    assert (stays.n_examples, stays.params["max_leaf_nodes"], stays.phase) == (200, 4, "search")
    unchanged = [slot for slot, one in before.items() if after[slot] == one]
    sound = [slot for slot, one in before.items() if one.status == "complete"]
    assert set(unchanged) == {*sound, stays.slot}
    # Mended for good: without the wish, too.
    assert main(["run", "own.toml"]) == 0
    assert "32 trials, 32 done before" in capfd.readouterr().err
    # In MLflow each trial is one run; the failed attempts are still to be seen.
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=Places.at("mlruns").mlflow_address)
    experiment = client.get_experiment_by_name("own")
    assert experiment is not None
    kinds = Counter(
        (run.data.tags.get("payoff.kind"), run.info.status)
        for run in client.search_runs([experiment.experiment_id], max_results=1000)
    )
    assert kinds["trial", "FINISHED"] == 31
    assert kinds["trial", "FAILED"] == 1
    assert kinds["attempt", "FAILED"] == 8


def test_the_dry_run_lists_axes_roles_and_cells_and_calls_the_trainer_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trainer(folder, "answer['history'] = [1, 2]")
    assert main(["run", "own.toml", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = {line[:22].strip(): line[23:] for line in lines}
    assert said["axis max_leaf_nodes"] == "scientific: 4, 8, 16, 32 (spans the grid of cells)"
    assert said["axis rate"] == "nuisance: 0.1 to 1 (searched in each cell)"
    assert [name for name in said if name.startswith("axis ")] == [
        "axis max_leaf_nodes",
        "axis rate",
    ]
    assert said["cells"] == "8 (2 dataset sizes x 4 capacities)"
    assert said["called once"].startswith("n_examples 100, max_leaf_nodes 4, rate 0.")
    assert said["its answer"].endswith("n_parameters 4")
    assert said["left out of it"] == "history: neither number, truth nor text"
    assert calls(folder) == ["begin 4 100", "end 4 100"]
    assert not (folder / "mlruns").exists()
    assert main(["run", "own.toml", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["roles"] == {"max_leaf_nodes": "scientific", "rate": "nuisance"}
    assert told["call"]["answer"]["n_parameters"] == 4
    assert told["call"]["left_out"] == ["history"]


def test_the_dry_run_says_in_one_line_what_is_broken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trainer(folder, "answer['n_parameters'] = 0")
    assert main(["run", "own.toml", "--dry-run"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "n_parameters must be a whole number from 1, got 0; mend it" in err
    assert err.splitlines()[0] == "payoff: calling mine.py:train once"
    assert err.count("\n") == 2


def test_what_an_answer_has_beside_the_columns_is_said_once(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_trainer(folder, "answer |= {'latency_second': 0.1, 'history': [1, 2]}")
    assert main(["run", "own.toml"]) == 0
    err = capfd.readouterr().err
    assert err.count("history will be kept nowhere") == 1
    assert err.count("latency_second: did you mean 'latency_seconds'?") == 1
