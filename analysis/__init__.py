"""Understanding a study: curves, laws, payoff points. Never torch, optuna or mlflow.

Names are loaded when first used, so that ``import analysis`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.curve_fit import CurveFit, fit_curve
    from analysis.errors import AnalysisError
    from analysis.reading import read_table, write_table
    from analysis.settings import AnalysisSettings
    from analysis.study import StudyAnalysis, analyse
    from analysis.trials import TrialTable
    from analysis.verdict import PayoffPoint

_HOMES = {
    "AnalysisError": "analysis.errors",
    "AnalysisSettings": "analysis.settings",
    "CurveFit": "analysis.curve_fit",
    "PayoffPoint": "analysis.verdict",
    "StudyAnalysis": "analysis.study",
    "TrialTable": "analysis.trials",
    "analyse": "analysis.study",
    "fit_curve": "analysis.curve_fit",
    "read_table": "analysis.reading",
    "write_table": "analysis.reading",
}
"""Public name -> module that defines it."""

__all__ = [
    "AnalysisError",
    "AnalysisSettings",
    "CurveFit",
    "PayoffPoint",
    "StudyAnalysis",
    "TrialTable",
    "analyse",
    "fit_curve",
    "read_table",
    "write_table",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
