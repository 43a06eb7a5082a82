"""The pruning law of a real study foretells prune ratios that are run only afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, TrialTable, read_table
from analysis.routes.laws import held_out, study_laws
from tests.support.commands import payoff

STUDY = """
[study]
name = "law"
routes = ["train", "prune"]
[data]
name = "mnist1d"
n_examples = 9000
test = 4500
validation = 500
sizes = [4000]
[space]
width = [16, 32, 64]
depth = [2]
prune_ratio = {{ levels = {levels}, rate = 0.2 }}
learning_rate = 0.003
weight_decay = 0.1
dropout = 0.0
[training]
batch_size = 100
epochs = 20
min_steps = 800
[pruning]
methods = ["iterative"]
[search]
trials = 0
[replicates]
draws = 5
[analysis]
resamples = 200
"""
FIRST = [1, 2, 3, 5, 7, 9, 11]
LATER = [4, 6, 8, 10, 12]


def run(folder: Path, levels: list[int]) -> TrialTable:
    """The trials of the study with these levels."""
    (folder / "law.toml").write_text(STUDY.format(levels=levels))
    payoff("run", "law.toml", "--quiet", folder=folder)
    return read_table(folder / "mlruns" / "results" / "law" / "trials.csv")


@pytest.mark.slow
def test_hidden_ratios_and_those_run_later_are_foretold_to_four_per_cent(tmp_path: Path) -> None:
    settings = AnalysisSettings(resamples=200)
    before = run(tmp_path, FIRST)
    (law,) = study_laws(before, settings)
    inside = law.score("interpolation")
    assert inside is not None and inside.points >= 15
    assert inside.mean_relative_error < 0.04

    after = run(tmp_path, sorted(FIRST + LATER))
    assert len(after) == len(before) + 3 * 5 * len(LATER)  # the first trials are kept
    known = set(before.prune_ratio.tolist()) - {0.0}
    fresh = np.array([ratio not in known for ratio in after.prune_ratio.tolist()])
    score = held_out(law, after.where(fresh), settings)  # with the dense parents
    assert score.points == 3 * len(LATER)
    assert 0.0 < score.noise < 0.02
    assert score.mean_relative_error < 0.04
