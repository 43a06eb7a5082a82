"""The result on a terminal: one sentence, and a table of payoff points per dataset size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis


PIPE_WIDTH = 160
"""Columns of the table where nobody's window says how wide it may be."""


def print_verdict(analysis: StudyAnalysis, console: Console) -> None:
    """Print the sentence a manager could read, then a row per dataset size and rule."""
    from analysis.words.kinds import notes

    table = Table(box=None, header_style="bold", pad_edge=False)
    rows = analysis.rows()
    columns = list(rows[0]) if rows else []
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)
    remarks = [f"- {note}" for note in notes(analysis.findings)]
    for line in ("", *remarks, "", analysis.sentence):
        console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)
