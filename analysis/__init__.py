"""Understanding a study: curves, laws, payoff points. Never torch, optuna or mlflow.

Names are loaded when first used, so that ``import analysis`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.errors import AnalysisError
    from analysis.findings import Finding
    from analysis.fitted import CurveFit, fit_curve, fit_surface
    from analysis.forecasts.extrapolation import extrapolate
    from analysis.forecasts.frontier import frontier
    from analysis.laws.fitting import fit_law
    from analysis.settings import AnalysisSettings
    from analysis.study import StudyAnalysis, analyse
    from analysis.table.reading import read_table
    from analysis.table.trials import TrialTable
    from analysis.table.writing import write_table
    from analysis.verdicts.comparison import Comparison
    from analysis.verdicts.decide import PayoffPoint
    from analysis.verdicts.growth import Growth
    from analysis.verdicts.profile import profile_interval

_HOMES = {
    "AnalysisError": "analysis.errors",
    "AnalysisSettings": "analysis.settings",
    "Comparison": "analysis.verdicts.comparison",
    "CurveFit": "analysis.fitted",
    "Finding": "analysis.findings",
    "Growth": "analysis.verdicts.growth",
    "PayoffPoint": "analysis.verdicts.decide",
    "StudyAnalysis": "analysis.study",
    "TrialTable": "analysis.table.trials",
    "analyse": "analysis.study",
    "extrapolate": "analysis.forecasts.extrapolation",
    "fit_curve": "analysis.fitted",
    "fit_law": "analysis.laws.fitting",
    "fit_surface": "analysis.fitted",
    "frontier": "analysis.forecasts.frontier",
    "profile_interval": "analysis.verdicts.profile",
    "read_table": "analysis.table.reading",
    "write_table": "analysis.table.writing",
}
"""Public name -> module that defines it."""

__all__ = [
    "AnalysisError",
    "AnalysisSettings",
    "Comparison",
    "CurveFit",
    "Finding",
    "Growth",
    "PayoffPoint",
    "StudyAnalysis",
    "TrialTable",
    "analyse",
    "extrapolate",
    "fit_curve",
    "fit_law",
    "fit_surface",
    "frontier",
    "profile_interval",
    "read_table",
    "write_table",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
