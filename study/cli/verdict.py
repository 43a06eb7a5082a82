"""The result on a terminal, the answer first: a sentence, a row a dataset size, few notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from study.handover.told import Answer

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis


PIPE_WIDTH = 160
"""Columns of the table where nobody's window says how wide it may be."""

OPEN = ("cannot tell", "still paying at the largest size tried")
"""Verdicts that ask for more runs, which stand out where the terminal has colours."""


def print_verdict(
    analysis: StudyAnalysis | Answer,
    console: Console,
    *,
    all_notes: bool = False,
    elsewhere: str = "--notes, verdict.md and the report",
    after: Sequence[str] = (),
) -> None:
    """Print the sentence a manager could read, a row for each dataset size, and what to know.

    With ``all_notes`` a row for each rule too, and every note; else ``elsewhere`` says where these
    are. Lines ``after`` them end it.
    """
    answer = analysis if isinstance(analysis, Answer) else Answer.of(analysis)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    shown = answer.notes if all_notes else answer.brief
    say(console, answer.sentence, style="bold")
    console.print()
    console.print(_table(answer.rows, all_notes))
    lines = [f"- {note}" for note in shown]
    if left := len(answer.notes) - len(shown):
        lines.append(f"{left} more note{'s' if left > 1 else ''}: {elsewhere}")
    if lines or after:
        console.print()
    for line in (*lines, *after):
        say(console, line)


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line, broken between words where a terminal ends, and never in a pipe."""
    console.print(
        line, style=style, highlight=False, markup=False, soft_wrap=not console.is_terminal
    )


def _table(points: Sequence[Mapping[str, str]], every_rule: bool) -> Table:
    """The payoff points: of the asked rule, which then heads its column, or of all."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    rows = [dict(row) for row in points]
    if not every_rule and rows:
        rule = rows[0]["rule"]
        rows = [
            {rule if name == "verdict" else name: text for name, text in row.items()}
            for row in rows
            if row.pop("rule") == rule
        ]
    for name in rows[0] if rows else ():
        table.add_column(name)
    for row in rows:
        waits = any(text in OPEN for text in row.values())
        table.add_row(*row.values(), style="yellow" if waits else "")
    return table
