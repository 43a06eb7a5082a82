"""Simulated studies that choose their own runs: one luck for every way to choose, costs kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.settings import AnalysisSettings
from benchmarks.adaptive import main
from benchmarks.simulation.adaptive import CHOICES, MOST_COST, World, study, world_of


def world(test_set: str = "small") -> World:
    settings = AnalysisSettings(resamples=300)
    return world_of("U-shape", 0, seed=5, test_set=test_set, rule="marginal", settings=settings)


def test_a_run_is_the_same_whoever_asks_for_it() -> None:
    one, other = world().laboratory, world().laboratory
    x = float(one.truth.x[2])
    other.run(x, 3)
    assert one.run(x, 7) == other.run(x, 7)
    assert one.run(x, 7) != one.run(x, 8)


def test_the_mean_of_many_runs_is_the_truth() -> None:
    lab = world("large").laboratory
    x = float(lab.truth.x[1])
    errors = np.array([lab.run(x, draw)["test_error"] for draw in range(200)], dtype=np.float64)
    truth = math.exp(float(lab.truth.log_error(np.array([x]))[0]))
    # Tuning luck of one size stays; the noise here draws it at most 5% wide.
    spread = math.hypot(errors.std() / truth / math.sqrt(200), 0.05)
    assert abs(errors.mean() / truth - 1.0) < 4.0 * spread


@pytest.mark.parametrize("way", CHOICES)
def test_a_study_in_rounds_keeps_to_its_cost(way: str) -> None:
    one = world()
    track = study(one, CHOICES[way])
    costs = [look.cost for look in track.looks]
    assert costs == sorted(costs)
    assert len(costs) > 1
    assert costs[-1] <= MOST_COST * one.even_cost * (1.0 + 1e-9)
    assert track.at(costs[0]) == track.looks[0]


def test_the_benchmark_tells_each_truth_and_all_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--studies", "1", "--truth", "step", "--choice", "random", "--most", "0.2"]
    assert main([*words, "--no-search"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("| truth | studies | even: width")
    assert [row.split(" | ")[0] for row in rows[2:4]] == ["| step", "| **all**"]
    assert rows[-1].startswith("- random: ")
