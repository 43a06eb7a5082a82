"""Hostile inputs: no crash, and hardly ever a verdict that is confident and wrong."""

from __future__ import annotations

import pytest

from analysis import AnalysisSettings
from benchmarks.simulation.hostile import KINDS, run_hostile

SETTINGS = AnalysisSettings(resamples=200)


@pytest.mark.slow
def test_every_kind_of_hostile_input_once() -> None:
    report = run_hostile(2 * len(KINDS), seed=5, settings=SETTINGS)
    assert report.crashes == ()
    assert report.wrong == ()
    assert report.inputs == 28


@pytest.mark.slow
def test_many_hostile_inputs() -> None:
    report = run_hostile(140, seed=1, settings=SETTINGS)
    assert report.crashes == ()
    assert len(report.wrong) <= 4  # at a true rate of 1%, more happen once in 70 runs
    assert report.cannot_tell > 15
