"""A study whose addresses stand in the environment alone: every command finds it, and its times."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from study.cli import main
from study.places import Places
from study.trials.latency import latency_file

STUDY = """
[study]
name = "elsewhere"
routes = ["train"]
[data]
sizes = [80]
[space]
width = [2, 4, 8]
depth = [1]
learning_rate = 0.01
weight_decay = 0.0
dropout = 0.0
[training]
epochs = 1
min_steps = 20
[search]
trials = 0
[replicates]
draws = 2
[run]
workers = 1
[analysis]
resamples = 100
"""


@pytest.mark.slow
def test_commands_find_the_study_where_the_environment_says_and_know_its_latencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    there = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("PAYOFF_STORAGE", f"sqlite:///{tmp_path}/optuna.db")
    monkeypatch.setenv("PAYOFF_TRACKING", there)
    (tmp_path / "s.toml").write_text(STUDY)
    places = Places.at(tmp_path / "runs")
    words = [str(tmp_path / "s.toml"), "--root", str(places.root)]
    page = tmp_path / "page.html"
    assert main(["run", *words, "--quiet"]) == 0
    assert not places.optuna_journal.exists()
    assert main(["measure", *words]) == 0
    assert len(json.loads(latency_file(places, "elsewhere").read_text())["architectures"]) == 3
    size = ["--size", "latency_seconds"]
    assert main(["report", *words, *size, "--to", str(page), "--log"]) == 0
    found = re.search(r'id="analysis">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found is not None
    analysis = json.loads(found.group(1))
    assert analysis["settings"]["size"] == "latency_seconds"
    assert len(analysis["curves"][0]["points"]) == 3
    capsys.readouterr()
    assert main(["register", *words, "--cell", "n80-width4-depth1", "--name", "four"]) == 0
    assert capsys.readouterr().out.startswith("models:/")
    client = MlflowClient(there, registry_uri=there)
    assert [model.name for model in client.search_registered_models()] == ["four"]
    # The file alone names no address, and nothing stands below the root.
    monkeypatch.delenv("PAYOFF_STORAGE")
    for command in ("report", "register", "measure"):
        assert main([command, *words]) == 2
        assert "no study was started here yet" in capsys.readouterr().err
