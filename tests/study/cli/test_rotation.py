"""Whole studies: one whose test sets rotate, and one that began with a fixed test set."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from analysis.table.reading import read_table
from study.launch.interface import load
from study.places import Places
from study.queue.opening import stored_study
from study.record import TrialRecord
from tests.support.commands import payoff

STUDY = """
[study]
name = "turns"
[data]
sizes = [80]
KEY
[space]
width = [2, 4, 8]
depth = [1]
prune_ratio = [0.0, 0.5]
learning_rate = 0.01
weight_decay = 0.0
dropout = 0.0
[training]
epochs = 2
min_steps = 20
[search]
trials = 0
[replicates]
draws = DRAWS
[run]
workers = 1
[analysis]
resamples = 100
"""


def write(folder: Path, *, draws: int, key: str = "") -> None:
    text = STUDY.replace("DRAWS", str(draws)).replace("KEY", key)
    (folder / "turns.toml").write_text(text)


def records(folder: Path) -> dict[str, TrialRecord]:
    spec = load(folder / "turns.toml")
    store = stored_study(spec, Places.at(folder / "mlruns"), "payoff run")
    return {record.slot: record for record in store.records()}


def said_of_test_sets(folder: Path) -> tuple[str, set[tuple[int, int]]]:
    """What the dry run says of the test sets, in words and in numbers; of what the table says."""
    words = payoff("run", "turns.toml", "--dry-run", folder=folder).stdout
    (line,) = [line for line in words.splitlines() if line.startswith("test sets ")]
    told = json.loads(payoff("run", "turns.toml", "--dry-run", "--json", folder=folder).stdout)
    return line.removeprefix("test sets ").strip(), {(told["n_test"], told["n_test_pool"])}


@pytest.mark.slow
def test_a_study_whose_test_sets_rotate_is_run_shown_and_registered(tmp_path: Path) -> None:
    write(tmp_path, draws=3)
    said, told = said_of_test_sets(tmp_path)
    assert said == "rotate: each draw has its own 1,560 of 1,640 examples"
    assert told == {(1560, 1640)}
    payoff("run", "turns.toml", folder=tmp_path)
    found = records(tmp_path)
    assert len(found) == 3 * 3 * 2
    assert {(one.n_test, one.n_test_pool) for one in found.values()} == {(1560, 1640)}
    with (tmp_path / "mlruns/results/turns/trials.csv").open() as file:
        assert {row["n_test_pool"] for row in csv.DictReader(file)} == {"1640"}
    place = f"mlflow+sqlite:///{tmp_path}/mlruns/mlflow.db#turns"
    payoff("export", "turns.toml", "--to", "paper", "--formats", "svg", folder=tmp_path)
    text = (tmp_path / "paper" / "methods.md").read_text()
    assert "on the test set of 1,560 examples of its draw, taken from the 1,640 examples" in text
    done = payoff("register", "turns.toml", "--cell", "n80-width4-depth1", folder=tmp_path)
    assert "test error" in done.stderr
    table = payoff("fit", place, "--size", "n_parameters", "--error", "test_error",
                   "--examples", "n_examples", "--json", folder=tmp_path)  # fmt: skip
    assert json.loads(table.stdout)
    assert read_table(tmp_path / "mlruns/results/turns/trials.csv") is not None


@pytest.mark.slow
def test_a_study_that_began_with_a_fixed_test_set_goes_on_with_it(tmp_path: Path) -> None:
    write(tmp_path, draws=1, key='test_sets = "fixed"')
    payoff("run", "turns.toml", folder=tmp_path)
    before = records(tmp_path)
    write(tmp_path, draws=2)  # as study files were before there was the key
    said, told = said_of_test_sets(tmp_path)
    assert said == "fixed: 360 examples for all trials"
    assert told == {(360, 0)}
    done = payoff("run", "turns.toml", folder=tmp_path)
    assert "turns: 12 trials, 6 done before" in done.stderr
    after = records(tmp_path)
    assert {slot: after[slot] for slot in before} == before
    assert len({(one.study_digest, one.data_digest) for one in after.values()}) == 1
    assert {one.n_test_pool for one in after.values()} == {0}
    assert "n_test_pool" not in (tmp_path / "mlruns/results/turns/trials.csv").read_text()
    status = json.loads(payoff("status", "turns.toml", "--json", folder=tmp_path).stdout)
    assert (status["total"], status["complete"], status["waiting_for_mlflow"]) == (12, 12, 0)
    payoff("report", "turns.toml", "--to", "page.html", "--log", folder=tmp_path)
    (digest,) = {one.study_digest for one in after.values()}
    assert digest in (tmp_path / "page.html").read_text()
    payoff("export", "turns.toml", "--to", "paper", "--formats", "svg", folder=tmp_path)
    written = [path for path in (tmp_path / "paper").iterdir() if path.suffix in (".md", ".json")]
    assert any(digest[:12] in path.read_text() for path in written)
    payoff("sync", "turns.toml", folder=tmp_path)
    payoff("measure", "turns.toml", folder=tmp_path)
    payoff("register", "turns.toml", "--cell", "n80-width4-depth1", folder=tmp_path)
