"""The error of the analysis that a person reads."""

from __future__ import annotations

from search_spaces.errors import PayoffError


class AnalysisError(PayoffError):
    """A wrong argument or an unusable table; shown in one line, exit status 2.

    What fails because of the *values* of the data (a curve too short for its law, an optimum that
    is not identified) is never raised: it is a result with a status and its reason.
    """


class Question(AnalysisError):
    """What a table can't say by itself: one line that asks, and says how to answer."""

    def __init__(self, text: str, *, add: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.add = add
        """Options to add to the command, the likeliest answer."""
