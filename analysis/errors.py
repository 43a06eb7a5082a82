"""The errors of the analysis that a person reads: each names the thing, the rule and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AnalysisError(Exception):
    """A wrong argument or an unusable table; shown in one line, exit status 2.

    What fails because of the *values* of the data (a curve too short for its law, an optimum that
    is not identified) is never raised: it is a result with a status and its reason.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
