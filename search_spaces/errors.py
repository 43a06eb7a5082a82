"""The error of this package: a space that cannot be, said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SpaceError(ValueError):
    """A mistake in a domain, an axis or a space: which key, the rule, the value, the remedy.

    Parameters
    ----------
    key : str
        What is wrong, in dots: ``"learning_rate.low"``. Empty for the space as a whole.
    rule : str
        The rest of the line: ``"must be below high, got 3; ..."``.
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
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
