"""Units that a column's name tells: ``latency ms``, ``Params (M)``, ``GFLOPs``, ``size_mb``.

A column that is named for a field of the trial table holds what the field holds, in the field's
unit; one whose own name says another unit is converted, and that is said.

Examples
--------
>>> unit_in("latency ms", "second"), unit_in("Params (M)", ""), unit_in("GFLOPs", "")
(('ms', 0.001), ('M', 1000000.0), ('GFLOPs', 1000000000.0))
>>> unit_in("min_latency_s", "second"), unit_in("n_params", ""), unit_in("m", "")
(('', 1.0), ('', 1.0), ('', 1.0))
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from analysis.table.cells import TIMES

_UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "second": {
            "ms": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millis": 1e-3, "millisecond": 1e-3,
            "milliseconds": 1e-3, "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6,
            "microsecond": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nanoseconds": 1e-9,
            "mins": 60.0, "minute": 60.0, "minutes": 60.0, "hr": 3600.0, "hrs": 3600.0,
            "hour": 3600.0, "hours": 3600.0, "days": 86400.0,
        },
        "byte": {
            "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2.0**10, "mib": 2.0**20,
            "gib": 2.0**30, "kilobytes": 1e3, "megabytes": 1e6, "gigabytes": 1e9,
        },
        "joule": {
            "kj": 1e3, "kilojoules": 1e3, "megajoules": 1e6, "wh": 3.6e3, "kwh": 3.6e6,
        },
    }
)  # fmt: skip
"""Unit of a field -> word of a name -> how many of the field's unit it is."""
_TOLD = {"second": {"min": 60.0, "h": 3600.0}}
"""Words that are units in brackets alone: ``time (min)`` is no minimum."""
_TIMES = {
    "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15, "thousand": 1e3,
    "thousands": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9,
}  # fmt: skip
"""Of plain numbers."""
_COUNTED = re.compile(r"([kmgtp])(?:flops?|macs?|params?|parameters)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BRACKETS = re.compile(r"[(\[{]\s*([^)\]}]*?)\s*[)\]}]")


def unit_in(name: str, unit: str) -> tuple[str, float]:
    """The word of a name that says another unit than a field's, and how many of the field's it is.

    Parameters
    ----------
    name : str
        Of the column.
    unit : str
        Of the field; empty for a plain number.

    Returns
    -------
    tuple of str and float
        ``("", 1.0)`` where the name says none.
    """
    bracketed = [part for one in _BRACKETS.findall(name) for part in _parts(one)]
    parts = _parts(name)
    if not unit:
        return _plain(bracketed, parts)
    known = _UNITS.get(unit, {})
    for some, words in ((bracketed, {**known, **_TOLD.get(unit, {})}), (parts, known)):
        for part in some:
            if part.lower() in words:
                return part, words[part.lower()]
    return "", 1.0


def unit_of_cells(told: str, unit: str) -> float:
    """How many of a field's unit the unit is that stands in all cells (``12 ms``)."""
    return float(TIMES[told]) if unit == "second" and told in TIMES else 1.0


def _plain(bracketed: list[str], parts: list[str]) -> tuple[str, float]:
    """What a plain number is counted in: ``M`` at either end of a name, ``GFLOPs`` anywhere."""
    ends = [parts[-1], *(one for one in parts[:1] if one.isupper() or len(one) > 1)]
    for part in (*bracketed, *(ends if len(parts) > 1 else ())):
        if part.lower() in _TIMES:
            return part, _TIMES[part.lower()]
    for part in parts:
        found = _COUNTED.fullmatch(part)
        if found:
            return part, _TIMES[found.group(1).lower()]
    return "", 1.0


def _parts(name: str) -> list[str]:
    """The parts of a name, in whichever style, as they are written."""
    whole = [part for part in re.split(r"[^0-9A-Za-zµμ]+", name) if part]
    if any(_COUNTED.fullmatch(part) or part.lower() == "kwh" for part in whole):
        return whole
    return [part for one in whole for part in _CAMEL.split(one) if part] or [""]
