"""A finished study that trains some networks twice as long."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from study.launch.interface import load
from study.places import Places
from study.queue.opening import stored_study
from study.record import TrialRecord
from tests.support.commands import payoff

STUDY = """
[study]
name = "long"
routes = ["train"]
[data]
sizes = [80]
[space]
width = [2, 4, 8, 16, 32]
depth = [1]
prune_ratio = [0.0]
learning_rate = { low = 0.003, high = 0.03, log = true }
weight_decay = 0.0
dropout = 0.0
[training]
epochs = 10
min_steps = 30
[search]
trials = 2
[replicates]
draws = 2
longer = LONGER
[run]
workers = 1
[analysis]
resamples = 100
"""


def run(folder: Path, longer: int) -> str:
    (folder / "long.toml").write_text(STUDY.replace("LONGER", str(longer)))
    return payoff("run", "long.toml", "--notes", folder=folder).stdout


def records(folder: Path) -> dict[str, TrialRecord]:
    spec = load(folder / "long.toml")
    store = stored_study(spec, Places.at(folder / "mlruns"), "payoff run")
    return {record.slot: record for record in store.records()}


@pytest.mark.slow
def test_it_goes_on_with_pairs_that_differ_in_nothing_but_their_steps(tmp_path: Path) -> None:
    said = run(tmp_path, 0)
    before = records(tmp_path)
    assert len(before) == 5 * (2 + 2)
    assert "Training twice as long" not in said
    assert "set replicates.longer = 1 and run the study again" in said
    told = payoff("run", "long.toml", "--dry-run", folder=tmp_path).stdout
    assert "trained longer" not in told
    said = run(tmp_path, 1)
    after = records(tmp_path)
    assert {slot: after[slot] for slot in before} == before
    longer = [record for slot, record in after.items() if slot not in before]
    assert len(longer) == 5
    assert {record.phase for record in longer} == {"longer"}
    for record in longer:
        pair = before[record.slot.replace("-longer", "-replicate")]
        assert (record.seed, record.draw, record.params) == (pair.seed, pair.draw, pair.params)
        assert (record.cell, record.n_test) == (pair.cell, pair.n_test)
        assert record.metrics["train_flops"] == 2 * pair.metrics["train_flops"]
    assert "Training twice as long at 80 examples would save" in said
    assert "run the study again" not in said
    told = payoff("run", "long.toml", "--dry-run", folder=tmp_path).stdout
    assert "trained longer" in told and "5 replicates once more, twice the steps" in told
    counted = json.loads(payoff("run", "long.toml", "--dry-run", "--json", folder=tmp_path).stdout)
    assert counted["n_longer_trials"] == 5
    with (tmp_path / "mlruns/results/long/trials.csv").open() as file:
        phases = [row["phase"] for row in csv.DictReader(file)]
    assert sorted(phases) == ["longer"] * 5 + ["replicate"] * 10 + ["search"] * 10
    # The table that was written is read as ours, and says the same.
    table = "mlruns/results/long/trials.csv"
    read = payoff("fit", table, "--json", folder=tmp_path).stdout
    kinds = [finding["kind"] for finding in json.loads(read)["findings"]]
    assert "longer" in kinds
