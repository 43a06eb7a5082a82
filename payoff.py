"""How big must a model be for its data, and where does extra capacity stop paying off?

The supported Python interface. A study from its file to its verdict:

>>> import payoff
>>> analysis = payoff.run("my-study.toml")  # doctest: +SKIP
>>> print(analysis.sentence)  # doctest: +SKIP

Runs that you have already, as arrays with one entry a run:

>>> size = [100, 300, 1_000, 3_000, 10_000, 30_000]
>>> error = [0.30, 0.18, 0.11, 0.08, 0.071, 0.069, 0.31, 0.175, 0.115, 0.078, 0.072, 0.068]
>>> fit = payoff.fit_curve(2 * size, error)
>>> fit.payoff("marginal").kind
'pays_off_until'

Names are loaded when first used: importing this costs next to nothing.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis import plots as plots
    from analysis.design.candidates import Candidate as Candidate
    from analysis.design.candidates import Target as Target
    from analysis.errors import AnalysisError as AnalysisError
    from analysis.findings import Finding as Finding
    from analysis.fitted import CurveFit as CurveFit
    from analysis.fitted import SurfaceFit as SurfaceFit
    from analysis.fitted import fit_curve as fit_curve
    from analysis.fitted import fit_surface as fit_surface
    from analysis.forecasts.extrapolation import Extrapolation as Extrapolation
    from analysis.forecasts.extrapolation import extrapolate as extrapolate
    from analysis.forecasts.frontier import FrontierPoint as FrontierPoint
    from analysis.forecasts.frontier import frontier as frontier
    from analysis.forecasts.support import UnsupportedForecast as UnsupportedForecast
    from analysis.laws.fitting import fit_law as fit_law
    from analysis.next_runs import NextRuns as NextRuns
    from analysis.next_runs import next_runs as next_runs
    from analysis.settings import AnalysisSettings as AnalysisSettings
    from analysis.study import StudyAnalysis as StudyAnalysis
    from analysis.study import analyse as analyse
    from analysis.table.reading import read_table as read_table
    from analysis.table.trials import TrialTable as TrialTable
    from analysis.table.writing import write_table as write_table
    from analysis.verdicts.comparison import Comparison as Comparison
    from analysis.verdicts.decide import PayoffPoint as PayoffPoint
    from analysis.verdicts.growth import Growth as Growth
    from analysis.verdicts.profile import profile_interval as profile_interval
    from search_spaces.errors import NameTaken as NameTaken
    from search_spaces.errors import PayoffError as PayoffError
    from search_spaces.errors import SpaceError as SpaceError
    from study.errors import DataError as DataError
    from study.errors import StorageAway as StorageAway
    from study.errors import StorageError as StorageError
    from study.errors import StudyFileError as StudyFileError
    from study.launch.interface import load as load
    from study.launch.interface import run as run
    from study.launch.interface import trials as trials
    from study.spec.study_file import StudySpec as StudySpec

    __version__: str

_HOMES = {
    "AnalysisError": "analysis.errors",
    "AnalysisSettings": "analysis.settings",
    "Candidate": "analysis.design.candidates",
    "Comparison": "analysis.verdicts.comparison",
    "CurveFit": "analysis.fitted",
    "DataError": "study.errors",
    "Extrapolation": "analysis.forecasts.extrapolation",
    "Finding": "analysis.findings",
    "FrontierPoint": "analysis.forecasts.frontier",
    "Growth": "analysis.verdicts.growth",
    "NameTaken": "search_spaces.errors",
    "NextRuns": "analysis.next_runs",
    "PayoffError": "search_spaces.errors",
    "PayoffPoint": "analysis.verdicts.decide",
    "SpaceError": "search_spaces.errors",
    "StorageAway": "study.errors",
    "StorageError": "study.errors",
    "StudyAnalysis": "analysis.study",
    "StudyFileError": "study.errors",
    "StudySpec": "study.spec.study_file",
    "SurfaceFit": "analysis.fitted",
    "Target": "analysis.design.candidates",
    "TrialTable": "analysis.table.trials",
    "UnsupportedForecast": "analysis.forecasts.support",
    "analyse": "analysis.study",
    "extrapolate": "analysis.forecasts.extrapolation",
    "fit_curve": "analysis.fitted",
    "fit_law": "analysis.laws.fitting",
    "fit_surface": "analysis.fitted",
    "frontier": "analysis.forecasts.frontier",
    "load": "study.launch.interface",
    "next_runs": "analysis.next_runs",
    "profile_interval": "analysis.verdicts.profile",
    "read_table": "analysis.table.reading",
    "run": "study.launch.interface",
    "trials": "study.launch.interface",
    "write_table": "analysis.table.writing",
}
"""Name -> module that defines it; the same as above, for running."""

__all__ = ["__version__", "plots", *_HOMES]  # noqa: PLE0604

_PACKAGES = ("search_spaces", "analysis", "study")
"""The packages behind this file, which lie beside it. They have names that files of users have."""


def _claim_packages() -> None:
    """Let the packages' names mean those beside this file, whatever lies where Python was started.

    The folder of a script or notebook comes first on Python's path: a file ``analysis.py`` in it
    would be taken for the package. Where nobody has imported that file, the package is loaded past
    it.

    Raises
    ------
    NameTaken
        If that file has been imported already: one name can't mean both.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    for name in _PACKAGES:
        ours = os.path.join(here, name, "__init__.py")
        loaded = sys.modules.get(name)
        spec = getattr(loaded, "__spec__", None) if loaded else PathFinder.find_spec(name)
        found = spec.origin if spec else getattr(loaded, "__file__", None)
        if found is not None and os.path.realpath(found) == ours:
            continue
        if loaded:
            where = found or f"a folder {name!r}"
            raise _taken(f"{where} was imported under the name of payoff's own package {name!r}")
        sys.path.insert(0, here)
        try:
            importlib.import_module(name)
        finally:
            sys.path.remove(here)
        script = getattr(sys.modules["__main__"], "__file__", None) or ""
        if found is not None and os.path.realpath(found) != os.path.realpath(script):
            warnings.warn(
                f"{found} has the name of payoff's own package {name!r}, which the name means from "
                "now on; rename that file if you import it",
                stacklevel=3,
            )


def _taken(line: str) -> ImportError:
    """Return the error for a name that means something else already."""
    line += "; rename it, and start Python again"
    try:
        from search_spaces.errors import NameTaken
    except ImportError:  # it is the name of that package
        return ImportError(line)
    return NameTaken(line)


def _load(name: str) -> object:
    """Return what a public name means, and remember it."""
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("payoff")
    elif name == "plots" or name in _HOMES:
        _claim_packages()
        module = importlib.import_module(_HOMES.get(name, "analysis.plots"))
        found = getattr(module, name) if name in _HOMES else module
    else:
        raise AttributeError(f"module 'payoff' has no attribute {name!r}")
    globals()[name] = found
    return found


if not TYPE_CHECKING:
    __getattr__ = _load


def __dir__() -> list[str]:
    return sorted(__all__)
