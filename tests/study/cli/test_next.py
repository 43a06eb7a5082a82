"""``payoff next TABLE``: what to run next, in the words of the table."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from study.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "any.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["weights", "err", "rows", "seed", "gpu_hours"])
        for size in (100 * 3**k for k in range(8)):
            for seed in range(4):
                error = 0.06 * (1.0 + (size / 3000) ** -0.6) * math.exp(0.1 * rng.normal())
                writer.writerow([size, round(error, 4), 320, seed, size * 1e-4])
    return path


WORDS = ("--size", "weights", "--error", "err", "--examples", "rows", "--cost", "gpu_hours")


def test_columns_are_named_as_the_table_names_them(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", str(file), *WORDS, "--resamples", "400"]) == 0
    said = capsys.readouterr().out
    assert "| examples | weights | runs | cost |" in said
    assert "gpu_hours" in said
    assert "n_parameters" not in said
    assert "train_flops" not in said


def test_the_same_as_json_keeps_to_the_budget(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*WORDS, "--resamples", "400", "--budget", "20", "--sizes", "450,5000", "--json"]
    assert main(["next", str(file), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cost"] == "gpu_hours"
    assert 0.0 < sum(row["cost"] for row in found["runs"]) <= 20.0
    sizes = {100.0 * 3**k for k in range(8)} | {450.0, 5000.0}
    assert {row["size"] for row in found["runs"]} <= sizes


def test_a_size_that_is_no_number_is_a_mistake(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", str(file), *WORDS, "--sizes", "small"]) == 2
    assert "--sizes: must be numbers" in capsys.readouterr().err


def test_a_cost_that_no_column_tells_is_named_by_its_option(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", str(file), *WORDS[:-1], "price"]) == 2
    assert "--cost: " in capsys.readouterr().err


def test_an_answer_at_an_end_is_told_as_one(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", str(file), *WORDS, "--resamples", "400", "--rule", "overfit"]) == 0
    assert "decided, the error does not turn up" in capsys.readouterr().out


def test_the_cost_may_be_a_column_that_is_called_as_payoff_calls_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text().replace("gpu_hours", "train_seconds"))
    asked = [*WORDS[:-1], "train_seconds", "--resamples", "400"]
    assert main(["next", str(file), *asked]) == 0
    assert "train_seconds (" in capsys.readouterr().out
    assert main(["next", str(file), *asked, "--map", "train_seconds=train_seconds"]) == 0
    assert "train_seconds (" in capsys.readouterr().out


def test_an_answer_that_is_decided_asks_for_no_runs(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", str(file), *WORDS, "--resamples", "400", "--target", "1000"]) == 0
    assert capsys.readouterr().out.endswith("next: no runs: every answer is decided\n")


def test_without_a_table_the_study_of_digits_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["next"]) == 2
    assert "no study was started here yet; start it with: payoff run\n" in capsys.readouterr().err
