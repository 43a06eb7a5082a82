"""Tables of a study: booktabs LaTeX, CSV and Markdown, from the same rounded numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.export.entries import CellEntry, cell_entries, payoff_entries
from analysis.export.latex import escape, number_tex, unit_tex
from analysis.export.prose import LATEX, MARKDOWN, Ink
from analysis.study import StudyAnalysis
from analysis.table.names import format_size, plain_name
from analysis.words.rounding import significant
from analysis.words.told import capital
from analysis.words.tuning import best_at, percent


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """One table, in LaTeX and in Markdown."""

    name: str
    caption: str
    head: tuple[str, ...]
    """Words; escaped where needed."""
    align: str
    """LaTeX's column letters."""
    rows: Callable[[Ink], Sequence[tuple[str, ...]]]
    """The cells, as LaTeX or as Markdown."""
    breaks: frozenset[int] = frozenset()
    """Rows that begin a group."""
    tight: bool = False
    """Whether columns stand close, so that many fit a page of one narrow column."""

    def to_latex(self) -> str:
        r"""A booktabs ``tabular``; needs ``booktabs`` and ``siunitx``."""
        rows = self.rows(LATEX)
        tall = any(r"\ensuremath" in cell for row in rows for cell in row)
        lines = [rf"\begin{{tabular}}{{{self.align}}}", r"\toprule"]
        ways = [
            *([r"\renewcommand{\arraystretch}{1.25}"] if tall else []),  # arms above each other
            *([r"\setlength{\tabcolsep}{4pt}"] if self.tight else []),
        ]
        if ways:
            lines.insert(0, rf"\begingroup{''.join(ways)}%")
        lines += [" & ".join(escape(word) for word in self.head) + r" \\", r"\midrule"]
        for k, row in enumerate(rows):
            if k in self.breaks:
                lines.append(r"\addlinespace")
            lines.append(" & ".join(row) + r" \\")
        end = r"\end{tabular}\endgroup" if ways else r"\end{tabular}"
        return "\n".join([*lines, r"\bottomrule", end]) + "\n"

    def to_markdown(self) -> str:
        """A pipe table."""
        rule = ["---:" if letter == "r" else "---" for letter in self.align]
        rows = [self.head, tuple(rule), *self.rows(MARKDOWN)]
        lines = ["| " + " | ".join(word.replace("|", r"\|") for word in row) + " |" for row in rows]
        return "\n".join(lines) + "\n"


def payoff_table(analysis: StudyAnalysis) -> PaperTable:
    """Payoff points by dataset size and rule."""
    s = analysis.settings
    entries = payoff_entries(analysis)
    size, error = plain_name(s.size_name), plain_name(s.error_name)
    unit = unit_tex(s.size)
    level = f"{100 * s.level:g}%"

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                ink.examples(e.n_examples),
                ink.words(e.rule_words),
                ink.words(e.verdict),
                ink.number(e.size, unit),
                ink.interval(e.size, unit),
                ink.full(e.error),
            )
            for e in entries
        ]

    return PaperTable(
        name="payoff",
        caption=(
            f"Payoff points: the size ({size}) past which more does not pay, by rule, with its "
            f"{level} interval, and the {error} there. Digits in brackets are the standard "
            "uncertainty of the last digits; < and > mark an interval that reaches out of the "
            "range tried"
        ),
        head=("Examples", "Rule", "Verdict", capital(size), f"{level} interval", capital(error)),
        align="rllrlr",
        rows=rows,
        breaks=frozenset(k for k in range(1, len(entries)) if entries[k].key != entries[k - 1].key),
    )


def payoff_rows(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    """Payoff points for programs: every number whole, and beside it as it is quoted."""
    return [
        row
        | {
            "quoted_size": MARKDOWN.number(e.size),
            "quoted_interval": MARKDOWN.interval(e.size),
            "quoted_error": MARKDOWN.full(e.error),
        }
        for row, e in zip(analysis.numbers(), payoff_entries(analysis), strict=True)
    ]


def cells_table(analysis: StudyAnalysis) -> PaperTable:
    """Errors of every capacity (rows) at every dataset size (columns)."""
    s = analysis.settings
    entries = cell_entries(analysis)
    sizes = list(dict.fromkeys(e.n_examples for e in entries))
    capacities: dict[tuple[str, str], dict[float | None, CellEntry]] = {}
    for e in sorted(entries, key=lambda e: e.size):
        name = e.cell.removeprefix(f"n{e.n_examples}-")
        capacities.setdefault((name, format_size(e.size)), {})[e.n_examples] = e
    heads = ["all" if n is None else f"{n:,}" for n in sizes]
    unit = unit_tex(s.size)

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                ink.words(name),
                number_tex(next(iter(by_n.values())).size, unit) if ink is LATEX else size,
                *(ink.number(by_n[n].error) if n in by_n else "" for n in sizes),
            )
            for (name, size), by_n in capacities.items()
        ]

    return PaperTable(
        name="cells",
        caption=(
            f"Mean {plain_name(s.error_name)} of the replicates of each capacity (rows) at each "
            "dataset size (columns, training examples). Digits in brackets are the standard "
            "uncertainty of the last digits: subset draws, seeds and test examples"
        ),
        head=("Capacity", capital(plain_name(s.size_name)), *heads),
        align="lr" + "r" * len(sizes),
        rows=rows,
    )


def cell_rows(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    """Points of the curves for programs."""
    return [
        {
            "n_examples": e.n_examples,
            "cell": e.cell,
            "size": e.size,
            "replicates": e.replicates,
            "error": e.error.value,
            "low": e.error.low,
            "high": e.error.high,
            "level": e.error.level,
            "quoted": e.error.concise,
        }
        for e in cell_entries(analysis)
    ]


def tuning_table(analysis: StudyAnalysis) -> PaperTable | None:
    """Search trials, and what more of them would save, by dataset size."""
    tuning = analysis.tuning
    if tuning is None or not tuning.judged:
        return None
    judged = [cell for cell in tuning.cells if math.isfinite(cell.gain)]

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        found = []
        for n in dict.fromkeys(cell.n_examples for cell in judged):
            cells = [c for c in judged if c.n_examples == n]
            gains = [c.kept_gain if math.isfinite(c.kept_gain) else c.gain for c in cells]
            first = f"{n:,}" if n > 0 else "all"
            found.append(
                (
                    first.replace(",", r"\,") if ink is LATEX else first,
                    str(len(cells)),
                    str(sum(c.trials for c in cells)),
                    str(sum(c.failed for c in cells)),
                    ink.words(significant(100.0 * sum(gains) / len(gains), 2) + "%"),
                    f"{sum(c.more_pays for c in cells)} of {len(cells)}",
                )
            )
        return found

    head = ("Examples", "Cells", "Search trials", "Failed", "Saved by the last doubling",
            "More would pay")  # fmt: skip
    return PaperTable(
        name="tuning",
        caption=(
            "Adequacy of tuning: search trials, the share of the error that doubling them last "
            "saved, and the cells in which another doubling would still pay"
        ),
        head=head,
        align="rrrrrr",
        rows=rows,
    )


def best_values_table(analysis: StudyAnalysis) -> PaperTable | None:
    """The best value of each hyperparameter by dataset size and capacity."""
    level = f"{100 * analysis.settings.level:g}%"
    lines = [
        (
            found,
            n,
            {
                place.capacity: best_at(place, interval=place.capacity == "middle")
                for place in found.places
                if place.n_examples == n
            },
        )
        for found in analysis.best_values
        for n in dict.fromkeys(place.n_examples for place in found.places)
    ]
    if not lines:
        return None
    last = {found.hyperparameter: n for found, n, _ in lines}

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                ink.words(plain_name(found.hyperparameter).replace("_", " ")),
                ink.examples(n),
                *(ink.words(best.get(name, "")) for name in ("small", "middle", "large")),
                ink.words(
                    percent(found.cost)
                    if found.cost and found.why is None and n == last[found.hyperparameter]
                    else ""
                ),
            )
            for found, n, best in lines
        ]

    return PaperTable(
        name="best_values",
        caption=(
            "Best values of the hyperparameters searched, for the smallest, the middle and the "
            "largest capacity of each dataset size, from search trials and their validation errors "
            f"alone, with the {level} interval of the middle one (marked where it runs into an end "
            "of the range; those of the others are in best_values.csv), and by how much a wrong "
            "value raises the error: one three times too large or small, or of the worst third of "
            "the range"
        ),
        head=("Hyperparameter", "Examples", "Small", "Middle", "Large", "A wrong one costs"),
        align="lrllll",
        rows=rows,
        breaks=frozenset(k for k in range(1, len(lines)) if lines[k][0] is not lines[k - 1][0]),
        tight=True,
    )


def paper_tables(analysis: StudyAnalysis) -> list[PaperTable]:
    """Every table of a study that is set in a paper."""
    some = (tuning_table(analysis), best_values_table(analysis))
    return [payoff_table(analysis), cells_table(analysis), *(table for table in some if table)]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; what is unknown is empty, numbers are whole, nested values have no column."""
    held = io.StringIO()
    if rows:
        heads = [name for name, v in rows[0].items() if not isinstance(v, dict | list | tuple)]
        writer = csv.DictWriter(held, heads, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            unknown = {
                k: "" for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)
            }
            writer.writerow({**row, **unknown})
    return held.getvalue()
