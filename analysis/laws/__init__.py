"""The laws: one file each, and this registry. A new law is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from analysis.errors import AnalysisError
from analysis.laws.broken import BrokenOnce, BrokenTwice
from analysis.laws.chinchilla import Chinchilla
from analysis.laws.distillation import Distillation
from analysis.laws.law import Array, Law
from analysis.laws.mmf import MMF
from analysis.laws.passage import Passage
from analysis.laws.power import Power
from analysis.laws.power_floor import PowerFloor
from analysis.laws.pruning import Pruning
from analysis.laws.saturating import Saturating
from analysis.laws.shifted_power import ShiftedPower
from analysis.laws.sigmoidal import Sigmoidal
from analysis.laws.size_data import SizeData
from analysis.laws.weibull import Weibull
from search_spaces.errors import nearest

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        law.name: law
        for law in (
            Power(),
            PowerFloor(),
            Saturating(),
            Sigmoidal(),
            Passage(),
            MMF(),
            Weibull(),
            ShiftedPower(),
            BrokenOnce(),
            BrokenTwice(),
            Chinchilla(),
            SizeData(),
            Pruning(),
            Distillation(),
        )
    }
)
"""Every law that can be asked for by name."""


def law_named(law: str | Law) -> Law:
    """Return the law of that name (a `Law` is returned as it is).

    Raises
    ------
    AnalysisError
        If there is no law of that name.
    """
    if isinstance(law, Law):
        return law
    if law not in LAWS:
        raise AnalysisError(
            f"law: must be one of {', '.join(LAWS)}, got {law!r}{nearest(str(law), LAWS)}"
        )
    return LAWS[law]


__all__ = ["LAWS", "Array", "Law", "law_named"]
