"""The laws: one file each, with its ``LAWS``, and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from analysis.errors import AnalysisError
from analysis.laws.law import Array, Law
from search_spaces.errors import nearest

FILES: Final = (
    "power",
    "power_floor",
    "saturating",
    "sigmoidal",
    "passage",
    "mmf",
    "weibull",
    "shifted_power",
    "broken",
    "chinchilla",
    "size_data",
    "tied",
    "pruning",
    "distillation",
)
"""Files of this room, in the order in which laws are offered and ties decided."""

LAWS: Final[Mapping[str, Law]] = MappingProxyType(
    {
        law.name: law
        for file in FILES
        for law in importlib.import_module(f"analysis.laws.{file}").LAWS
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
