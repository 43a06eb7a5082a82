"""Importance of hyperparameters: what was built in is found, capacity and the rest kept apart."""

from __future__ import annotations

import csv
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.handover.importance import search_importance, write_importance
from study.record import TrialRecord
from study.spec.study_file import parse_spec
from tests.support.commands import environment
from tests.support.records import make_record

ROOT = Path(__file__).parents[3]

SPEC = parse_spec(
    {
        "study": {"name": "small"},
        "data": {"sizes": [80, 160]},
        "space": {"width": [4, 8, 16, 32], "depth": [1], "prune_ratio": [0.0]},
        "search": {"trials": 24},
    },
    base=Path.cwd(),
)


def records(trials: int = 96, **changes: Any) -> list[TrialRecord]:
    """Search trials whose error falls steeply with width, and within a cell with dropout alone."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(trials):
        width = (4, 8, 16, 32)[number % 4]
        dropout = float(rng.uniform(0.0, 0.3))
        params = {
            "width": width,
            "depth": 1,
            "prune_ratio": 0.0,
            "dropout": dropout,
            "learning_rate": float(10 ** rng.uniform(-2.9, -2)),
            "weight_decay": float(10 ** rng.uniform(-3, 0)),
        }
        record = make_record(
            number,
            cell=f"n80-w{width}",
            params=params,
            metrics={"val_error": 2.0 / width * (1.0 - 2.0 * dropout)},
            **changes,
        )
        found.append(record)
    return found


def test_capacity_matters_over_all_and_dropout_within_cells() -> None:
    found = {one.hyperparameter: one for one in search_importance(SPEC, records())}
    assert set(found) == {"width", "dropout", "learning_rate", "weight_decay"}
    assert found["width"].importance > 0.6
    assert sum(one.importance for one in found.values()) == pytest.approx(1.0)
    assert found["width"].within_cells is None
    within = {name: one.within_cells or 0.0 for name, one in found.items()}
    assert within["dropout"] > 0.8
    assert sum(within.values()) == pytest.approx(1.0)
    assert {one.trials for one in found.values()} == {96}


def test_each_optuna_study_is_measured_alone() -> None:
    both = records() + records(n_examples=160)
    assert {one.optuna_study for one in search_importance(SPEC, both)} == {
        "digits-mlp/n=80",
        "digits-mlp/n=160",
    }


def test_replicates_failures_and_few_trials_have_none() -> None:
    assert search_importance(SPEC, records(19)) == ()
    assert search_importance(SPEC, records(phase="replicate")) == ()
    assert search_importance(SPEC, records(status="diverged")) == ()
    assert search_importance(SPEC, []) == ()


def test_equal_errors_tell_nothing_apart() -> None:
    rows = [dataclasses.replace(row, metrics={"val_error": 0.0}) for row in records()]
    assert search_importance(SPEC, rows) == ()


def test_the_csv_holds_what_was_found(tmp_path: Path) -> None:
    found = search_importance(SPEC, records())
    write_importance(found, tmp_path / "importance.csv")
    with (tmp_path / "importance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["hyperparameter"] for row in rows] == [one.hyperparameter for one in found]
    assert rows[0]["hyperparameter"] == "width" and rows[0]["within_cells"] == ""


WITHOUT = """
import json, sys
from study.handover.importance import load_without_forests, search_importance
if sys.argv[1] == "quick":
    load_without_forests()
from tests.study.handover.test_importance import SPEC, records
print(json.dumps([one.importance for one in search_importance(SPEC, records())]))
print("pandas" in sys.modules, "sklearn" in sys.modules)
import sklearn
"""


@pytest.mark.slow
def test_importances_without_forests_are_the_same_and_load_no_pandas() -> None:
    usual, quick = (
        subprocess.run(
            [sys.executable, "-c", WITHOUT, how], capture_output=True, text=True, check=True,
            env=environment(),
        ).stdout.splitlines()
        for how in ("usual", "quick")
    )  # fmt: skip
    assert quick[0] == usual[0]
    assert quick[1] == "False False"
    assert usual[1].endswith(" True")  # else there is nothing left to avoid
