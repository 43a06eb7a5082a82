"""The laws: one file each, and this registry. A new law is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from analysis.errors import AnalysisError, nearest
from analysis.laws.law import Array, Law
from analysis.laws.passage import Passage
from analysis.laws.power import Power
from analysis.laws.power_floor import PowerFloor

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        law.name: law
        for law in (
            Power(),
            PowerFloor(),
            Passage(),
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
