"""What was done to a table on its way to the analysis: the account that is shown before the answer.

Facts only; :mod:`analysis.words.account` makes lines of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Rows that were read and are not used, for one reason."""

    reason: str
    """In words, without the value: ``"the state says failed"``."""
    column: str = ""
    """The table's own name of the column that shows it; empty where it is no one column."""
    count: int
    example: str = ""
    """The value of the first such row, as the file has it."""
    rows: tuple[int, ...] = ()
    """Numbers of the first such rows (the first row below the header is 1), at most five."""


@dataclass(frozen=True, kw_only=True)
class TakenFor:
    """One column of the table, and what it was taken for."""

    column: str
    """The table's own name."""
    role: str
    """``size``, ``error``, ``examples``, ``seed``, ``state``, ``index``, ..."""
    why: str
    """``--size``, ``its name``, ``its values``, ..."""
    read_as: str = ""
    """How its cells were written: ``percent``, ``decimal commas``, ``suffixes k, M``, ..."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """All that was done to a table."""

    file: str
    """Its path or address, without passwords."""
    format: str
    """``CSV, tabs, UTF-16, gzip``."""
    ours: bool = False
    """Whether payoff wrote it: its columns then mean what payoff means by them."""
    rows_read: int
    left_out: tuple[LeftOut, ...] = ()
    columns: tuple[TakenFor, ...] = ()
    better: Better = "lower"
    """Which way the metric improves, as the file has it."""
    why_better: str = ""
    """How that is known."""
    unit: str = ""
    """What the error is counted in once it is one: ``fraction``, ``nats``, the metric's own."""
    transform: str = ""
    """What was done to the metric, as a formula of its name: ``1 - top1 / 100``."""
    replicate: str = ""
    """What rows of one size are to each other: what a replicate is in this table."""
    n_curves: int = 0
    notes: tuple[str, ...] = ()
    """What else to know, a sentence each."""

    @property
    def rows_used(self) -> int:
        """Rows that the analysis sees."""
        return self.rows_read - sum(one.count for one in self.left_out)

    def as_dict(self) -> dict[str, Any]:
        """Every fact by name, as JSON knows it."""
        return asdict(self) | {"rows_used": self.rows_used}
