"""Numbers and times as the page writes them."""

from __future__ import annotations

import math

from analysis.table.trials import UNKNOWN


def duration(seconds: float) -> str:
    """A time in the unit that a person would choose.

    Examples
    --------
    >>> duration(0.0123), duration(75.0), duration(8000.0)
    ('12.3 ms', '75 s', '2.2 h')
    """
    if seconds < 1.0:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120.0:
        return f"{seconds:.3g} s"
    if seconds < 7200.0:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.2g} h" if seconds < 36000.0 else f"{seconds / 3600:,.0f} h"


def count(n: int | None) -> str:
    """A dataset size; ``all`` where it is not known."""
    return "all" if n is None or n == UNKNOWN else f"{n:,}"


def span(low: float, high: float, form: str) -> str:
    """Both ends of an interval in a form; empty where one is not finite."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{form.format(low)} to {form.format(high)}"


def number(value: float | None, form: str) -> str:
    """A number in a form; empty where there is none."""
    return "" if value is None or not math.isfinite(value) else form.format(value)
