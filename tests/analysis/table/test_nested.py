"""Exports of run trackers: objects in cells become columns, states become statuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from analysis.table.nested import unfold
from study.cli import main


def test_json_and_python_notation_are_both_read() -> None:
    wanted = {"summary.err": 0.1, "summary.note": "it's inf", "summary.best.epoch": 3}
    inner = {"err": 0.1, "note": "it's inf", "best": {"epoch": 3}, "list": [1]}
    for cell in (json.dumps(inner), repr(inner), inner):
        assert unfold([{"summary": cell}]) == [wanted]


def test_numbers_that_python_writes_bare_are_unknown() -> None:
    (row,) = unfold([{"summary": "{'a': nan, 'b': -inf, 'c': 'nan'}"}])
    assert row == {"summary.a": None, "summary.b": None, "summary.c": "nan"}


def test_config_values_are_hyperparameters_and_lose_their_wrapping() -> None:
    (row,) = unfold([{"config": '{"lr": {"desc": null, "value": 0.1}}'}])
    assert row == {"config.lr": 0.1, "params.lr": 0.1}


def test_the_table_s_own_objects_and_broken_ones_stay() -> None:
    rows = [{"params": '{"a": 1}', "note": "{not an object", "set": "{1, 2}"}]
    assert unfold(rows) == rows


def export(path: Path) -> Path:
    """Runs as pandas writes what W&B's API returns, one of them broken, one crashed."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "name", "State", "summary", "config"])
        for k in range(8):
            summary = {"params": 100 * 2**k, "test_err": 0.1 + 0.5**k, "_runtime": 3.0}
            if k == 3:
                summary["test_err"] = -1.0
            config = {"n": 500, "seed": 1, "lr": 0.1}
            state = "crashed" if k == 5 else "finished"
            writer.writerow([k, f"run-{k}", state, repr(summary), json.dumps(config)])
    return path


def test_an_export_is_fitted_by_column_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = export(tmp_path / "wandb.csv")
    mapping = "size=summary.params,error=summary.test_err,examples=config.n,seed=config.seed"
    assert main(["fit", str(path), "--map", mapping, "--json", "--resamples", "200"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["curves"][0]["n_examples"] == 500
    assert len(found["curves"][0]["points"]) == 6
    reasons = [(one["reason"], one["count"], one["example"], one["rows"])
               for one in found["reading"]["left_out"]]  # fmt: skip
    assert reasons == [
        ("the run failed", 1, "crashed", [6]),
        ("-1 stands apart from all other errors: it marks a failed run", 1, "-1.0", [4]),
    ]
    assert "rows: 6 of 8 used; left out 1: the run failed (State 'crashed', row 6)" in err
    assert found["settings"]["size_label"] == "summary.params"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("size", "--map: must be NAME=COLUMN,..., got 'size'"),
        ("sise=a", "has no column 'sise'; did you mean 'size'?"),
        ("error=test_er", "--error: {path} has no column 'test_er'; did you mean"),
        ("n_test=summary.n", "--map: {path} has no column 'summary.n'"),
    ],
)
def test_mistakes_in_a_mapping_are_named(
    tmp_path: Path, mapping: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = export(tmp_path / "wandb.csv")
    args = ["fit", str(path), "--size", "summary.params", "--error", "summary.test_err"]
    assert main([*args, "--map", mapping]) == 2
    assert message.format(path=path) in capsys.readouterr().err
