"""Each regularisation as an axis of a real study, from its file to what it is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis import read_table
from study.cli import main

AXES = {
    "dropout": (0.0, 0.2),
    "weight_decay": (0.0, 0.3),
    "l1": (0.0, 0.0003),
    "l2": (0.0, 0.001),
    "label_smoothing": (0.0, 0.1),
    "patience": (0, 2),
}
STUDY = """
[study]
name = "worth"
routes = ["train"]
[data]
sizes = [80]
[space]
width = [4, 8, 16, 32]
depth = [1]
learning_rate = 0.01
{axes}
[training]
epochs = 1
min_steps = 40
[search]
trials = 0
[replicates]
draws = 2
[run]
workers = 2
[analysis]
resamples = 100
"""


@pytest.mark.slow
def test_every_regularisation_spans_the_grid_and_is_judged(tmp_path: Path) -> None:
    axes = "\n".join(
        f'{name} = {{ values = {list(values)}, role = "scientific" }}'
        for name, values in AXES.items()
    )
    (tmp_path / "s.toml").write_text(STUDY.format(axes=axes))
    root = tmp_path / "runs"
    assert main(["run", str(tmp_path / "s.toml"), "--root", str(root), "--quiet"]) == 0
    results = root / "results" / "worth"
    table = read_table(results / "trials.csv")
    assert len(table) == 4 * 2 ** len(AXES) * 2 and set(table.status) == {"complete"}
    for name, values in AXES.items():
        assert set(table.params[name]) == set(values)
    assert any(table.stopped_early)  # patience is really used
    found = json.loads((results / "payoff.json").read_text())
    assert {row["regulariser"] for row in found["regularisation"]} == set(AXES)
    for row in found["regularisation"]:
        assert row["chosen"] in AXES[row["regulariser"]] and row["weakest"] == 0
        assert row["low"] <= row["gain"] <= row["high"]
    by_data = {row["regulariser"] for row in found["regularisation_by_data"]}
    assert by_data == set(AXES)
    text = (results / "verdict.md").read_text()
    for words in ("Dropout", "Weight decay", "L1", "L2", "Label smoothing", "Patience"):
        assert f"- {words} at 80 examples" in text
