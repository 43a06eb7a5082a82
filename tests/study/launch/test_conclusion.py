"""The curves that a finished study charts in the MLflow UI, whose steps are whole numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.settings import AnalysisSettings
from analysis.study import StudyAnalysis, analyse
from analysis.table.trials import TrialTable
from study.launch.conclusion import CHART_POINTS, chart_curves, chart_steps
from tests.support.tables import study_rows

SETTINGS = AnalysisSettings(resamples=100)


def analysed(unit: float = 1.0, *, sizes: int = 99) -> StudyAnalysis:
    """A study whose largest model counts so many units less, cut to its smallest sizes."""
    table = TrialTable.from_rows(study_rows())
    kept = table.where(np.isin(table.n_parameters, np.unique(table.n_parameters)[:sizes]))
    scaled = kept.with_columns(latency_seconds=kept.n_parameters / unit)
    size = "n_parameters" if unit == 1.0 else "latency_seconds"
    return analyse(scaled, replace(SETTINGS, size=size))


def test_whole_sizes_are_the_steps_themselves() -> None:
    analysis = analysed()
    assert chart_steps(analysis) == 1
    for fit in analysis.fits:
        named = chart_curves(analysis)[int(fit.curve.n_examples)]
        assert [step for step, _ in named["measured"]] == fit.curve.size.tolist()
        steps, errors = zip(*named["fitted"], strict=True)
        assert (steps[0], steps[-1], len(steps)) == (
            fit.curve.size[0], fit.curve.size[-1], CHART_POINTS
        )  # fmt: skip
        np.testing.assert_array_equal(errors, fit.predict(np.array(steps)))


@pytest.mark.parametrize("unit", [1.6e7, 7.0, 1600.0])
def test_sizes_below_one_or_with_fractions_keep_four_digits(unit: float) -> None:
    analysis = analysed(unit)
    steps = chart_steps(analysis)
    smallest = min(float(fit.curve.size[0]) for fit in analysis.fits)
    assert 1000 <= smallest * steps < 10_000
    for fit in analysis.fits:
        named = chart_curves(analysis)[int(fit.curve.n_examples)]
        found = [step for step, _ in named["measured"]]
        np.testing.assert_allclose(found, steps * fit.curve.size, rtol=5e-4)
        assert len(named["fitted"]) == CHART_POINTS
        at = np.array([step / steps for step, _ in named["fitted"]][1:-1])
        np.testing.assert_allclose([e for _, e in named["fitted"]][1:-1], fit.predict(at))


def test_a_curve_that_cannot_be_fitted_is_charted_as_measured() -> None:
    analysis = analysed(sizes=1)
    assert [list(named) for named in chart_curves(analysis).values()] == [["measured"]] * 3
