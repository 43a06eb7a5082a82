"""The one base of the project's errors, and the error of this package.

Every mistake that a person can mend is a :class:`PayoffError`: one line that names the thing, the
rule, the value given and the remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PayoffError(Exception):
    """A user's mistake or a condition of the machine; shown in one line, exit status 2."""


class NameTaken(PayoffError, ImportError):
    """A file of the user's was imported under the name of a package of ours; it names the file."""


class SpaceError(PayoffError, ValueError):
    """A mistake in a domain, an axis or a space: which key, the rule, the value, the remedy.

    The key is in dots (``"learning_rate.low"``), empty for the space as a whole.
    """

    def __init__(self, key: str, rule: str) -> None:
        self.key = key
        self.rule = rule
        super().__init__(f"{key}: {rule}" if key else rule)

    def under(self, prefix: str) -> SpaceError:
        """Return the same mistake with its key below ``prefix``.

        Examples
        --------
        >>> str(SpaceError("low", "must be below high").under("learning_rate"))
        'learning_rate.low: must be below high'
        """
        return SpaceError(f"{prefix}.{self.key}" if self.key else prefix, self.rule)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, or an empty string."""
    names = list(known)
    close = [other for other in names if other.casefold() == name.casefold()] or (
        difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    )
    return f"; did you mean {close[0]!r}?" if close else ""
