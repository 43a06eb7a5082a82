"""The ready study of three routes to a small model, whole, with the commands of the README."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analysis import read_table
from tests.support.commands import payoff

ROUTES = {
    "trained", "distilled", "pruned (one-shot-global)", "pruned (iterative-global)",
    "pruned (structured-global)",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the result of ``payoff run routes.toml``."""
    folder = tmp_path_factory.mktemp("routes")
    payoff("init", "routes.toml", "--example", "routes-digits", folder=folder)
    return folder, json.loads(
        payoff("run", "routes.toml", "--quiet", "--json", folder=folder).stdout
    )


@pytest.mark.slow
def test_every_model_of_every_route_is_trained_once(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = finished
    table = read_table(folder / "mlruns" / "results" / "routes" / "trials.csv")
    assert set(table.status) == {"complete"} and len(set(table.slot)) == len(table)
    found = Counter(zip(table.phase, table.route, strict=True))
    cells, draws, searched, pruned = 2 * 8, 8, 6, 3 * 4
    assert found == {
        ("search", "trained"): cells * searched,
        ("search", "distilled"): cells * searched,
        ("replicate", "trained"): cells * draws,
        ("replicate", "distilled"): cells * draws,
        ("replicate", "pruned"): cells * draws * pruned,
    }


@pytest.mark.slow
def test_the_routes_are_compared_on_one_axis(finished: tuple[Path, dict[str, Any]]) -> None:
    _, result = finished
    names = {
        f"{row['route']} ({row['method']})" if row["method"] else row["route"]
        for row in result["routes"]
    }
    assert names == ROUTES
    smaller = {
        row["method"]: row["times_smaller_low"]
        for row in result["routes"]
        if row["n_examples"] == 1280
    }
    assert smaller["iterative-global"] > 1.5
    assert result["crossings"]


@pytest.mark.slow
def test_the_laws_say_what_they_predicted_and_what_noise_allows(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    _, result = finished
    laws = [law for law in result["laws"] if law["law"] == "pruning"]
    assert len(laws) == 2 * 3
    for law in laws:
        assert law["interpolation_points"] >= 8
        assert 0 < law["interpolation_noise"] < law["interpolation"] + 0.05
        assert law["interpolation"] < 0.25


@pytest.mark.slow
def test_students_and_masks_are_judged_in_plain_words(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    folder, result = finished
    text = (folder / "mlruns" / "results" / "routes" / "verdict.md").read_text()
    assert "Distilled against trained alone at 1,280 examples: " in text
    gains = [row for row in result["students"] if row["n_examples"] == 1280]
    assert len(gains) == 8
    better = sum(row["low"] > 0 for row in gains)
    said = f"better at {better} of 8 sizes" if better else "at none of 8 sizes better by more than"
    assert said in text
    assert {mask["verdict"] for mask in result["masks"]} == {"saves_nothing"}


@pytest.mark.slow
@pytest.mark.latex
def test_the_export_has_the_routes(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, result = finished
    payoff("export", "routes.toml", "--to", "paper", "--formats", "pdf", folder=folder)
    for name in ("routes.tex", "routes.md", "pareto.csv", "figures/routes.pdf",
                 "figures/pareto.pdf", "figures/prune_ladder.pdf"):  # fmt: skip
        assert (folder / "paper" / name).is_file(), name
    assert json.loads((folder / "paper" / "analysis.json").read_text()) == result
    said = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "example"],
        cwd=folder / "paper",
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert said.returncode == 0, said.stdout[-3000:]
    log = (folder / "paper" / "example.log").read_text(errors="replace")
    over = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert all(points < 5.0 for points in over), over
