"""Any cost that the trials have is the x axis of an export and a report, from file or command line;
energy is one of them where it was asked for."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path

import pytest

from study.cli import main
from study.cli.studies import with_size
from study.spec.study_file import load_spec, parse_spec

STUDY = """
[study]
name = "costs"
routes = ["train", "prune", "distill"]
[data]
sizes = [80]
[space]
width = [2, 4, 8, 16]
depth = [1]
prune_ratio = [0.0, 0.5]
learning_rate = 0.01
weight_decay = 0.0
dropout = 0.0
distill_temperature = 2.0
distill_mixing = 0.5
[pruning]
methods = ["iterative", "untuned"]
[training]
epochs = 1
min_steps = 40
[search]
trials = 0
[replicates]
draws = 2
[run]
workers = 1
energy = true
[analysis]
resamples = 100
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("codecarbon", reason="CodeCarbon is not installed: '.[energy]'")
    folder = tmp_path_factory.mktemp("costs")
    (folder / "s.toml").write_text(STUDY)
    assert main(["run", str(folder / "s.toml"), "--root", str(folder / "runs"), "--quiet"]) == 0
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs/results/costs/trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_every_trial_has_the_energy_of_its_whole_route(folder: Path) -> None:
    found = rows(folder)
    joules = {row["slot"]: float(row["energy_joules"]) for row in found}
    assert len(found) == 32 and all(value > 0 for value in joules.values())
    for row in found:
        before = row["parent"] or row["teacher"]
        if before:
            assert joules[row["slot"]] > joules[before]


@pytest.mark.slow
@pytest.mark.parametrize(
    "size", ["sparse_bytes", "peak_memory_bytes", "train_flops", "train_seconds", "energy_joules"]
)
def test_a_cost_becomes_the_axis_of_export_and_report(folder: Path, size: str) -> None:
    words = [str(folder / "s.toml"), "--root", str(folder / "runs"), "--size", size]
    paper, page = folder / f"paper-{size}", folder / f"{size}.html"
    assert main(["export", *words, "--to", str(paper), "--formats", "svg"]) == 0
    whole = json.loads((paper / "analysis.json").read_text())
    assert whole["settings"]["size"] == size
    drawn = {point["size"] for point in whole["curves"][0]["points"]}
    dense = [float(row[size]) for row in rows(folder) if row["route"] == "trained"]
    assert len(drawn) == 4 and min(dense) <= min(drawn) and max(drawn) <= max(dense)
    told = json.loads((paper / "provenance.json").read_text())["study"]["commands"]
    assert told[-1].endswith(f"--size {size}")
    assert main(["report", *words, "--to", str(page), "--no-curves"]) == 0
    assert f"--size {size}" in page.read_text()


def test_another_axis_takes_no_price_of_the_file_s_own() -> None:
    raw = {"analysis": {"rule": "economic", "price": 1e-6}}
    spec = parse_spec(raw, base=Path.cwd())
    assert with_size(spec, "n_parameters") == spec == with_size(spec, None)
    other = with_size(spec, "model_bytes").analysis
    assert (other.size, other.rule, other.price) == ("model_bytes", "marginal", None)


def test_the_axis_of_the_routes_stands_in_the_study_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from study.handover.results import settings_of

    (tmp_path / "s.toml").write_text('[analysis]\nroute_size = "sparse_bytes"\n')
    assert settings_of(load_spec(tmp_path / "s.toml")).route_size == "sparse_bytes"
    (tmp_path / "s.toml").write_text('[analysis]\nroute_size = "sparse"\n')
    assert main(["run", str(tmp_path / "s.toml"), "--dry-run"]) == 2
    assert "analysis.route_size" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["export", "report"])
def test_a_cost_that_no_trial_has_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.toml").write_text('[study]\nname = "x"\n')
    to = str(tmp_path / ("p" if command == "export" else "p.html"))
    words = [command, str(tmp_path / "s.toml"), "--to", to, "--size", "flops_per_exmple"]
    assert main(words) == 2
    assert "did you mean 'flops_per_example'?" in capsys.readouterr().err


def test_without_codecarbon_the_study_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon", None)  # as if it were not installed
    (tmp_path / "s.toml").write_text("[run]\nenergy = true\n")
    assert main(["run", str(tmp_path / "s.toml"), "--dry-run"]) == 2
    assert "run.energy: needs CodeCarbon" in capsys.readouterr().err


@pytest.mark.slow
def test_a_trainer_of_ones_own_may_return_any_cost(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def train(config, n_examples, seed):\n"
        "    w = config['width']\n"
        "    return {'val_error': 0.5 / w, 'test_error': 0.5 / w, 'n_parameters': w,\n"
        "            'energy_joules': 3.0 * w, 'latency_p95_seconds': 0.1 * w, 'train_flops': w}\n"
    )
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "own"\nroutes = ["train"]\n[data]\nsizes = [80]\n'
        '[training]\nfunction = "mine.py:train"\n'
        "[space]\nwidth = [1, 2, 4]\ndepth = [1]\n[search]\ntrials = 0\n"
        "[replicates]\ndraws = 2\n[run]\nworkers = 1\n[analysis]\nresamples = 100\n"
    )
    assert main(["run", str(tmp_path / "s.toml"), "--root", str(tmp_path / "r"), "--quiet"]) == 0
    with (tmp_path / "r/results/own/trials.csv").open() as file:
        for row in csv.DictReader(file):
            width = float(row["width"])
            assert float(row["energy_joules"]) == 3.0 * width
            assert math.isclose(float(row["latency_p95_seconds"]), 0.1 * width)
            assert float(row["train_flops"]) == width and float(row["train_seconds"]) >= 0
