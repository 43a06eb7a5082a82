"""Shapes as tables for a paper: the best by size, the networks to take, and which way to grow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.export.prose import Ink
from analysis.export.tables import PaperTable
from analysis.shapes.best import LEVEL
from analysis.study import StudyAnalysis
from analysis.table.names import format_examples, in_unit, plain_name
from analysis.table.trials import UNKNOWN
from analysis.words.rounding import Measured
from analysis.words.shape_rows import (
    STANDINGS,
    WAYS,
    budget_rows,
    growth_rows,
    span_rows,
    step_rows,
)
from analysis.words.told import capital


def shape_tables(analysis: StudyAnalysis) -> list[PaperTable]:
    """Every table of shapes; none where shapes were not compared."""
    if not analysis.shapes:
        return []
    tables = (_by_size(analysis), _budgets(analysis), _growth(analysis))
    return [table for table in tables if table is not None]


def shape_files(analysis: StudyAnalysis) -> dict[str, list[dict[str, Any]]]:
    """Name -> rows for programs; none where shapes were not compared."""
    if not analysis.shapes:
        return {}
    found = {
        "shapes": span_rows(analysis),
        "shape_budgets": budget_rows(analysis),
        "shape_growth": growth_rows(analysis),
        "shape_steps": step_rows(analysis),
    }
    return {name: rows for name, rows in found.items() if rows}


def _by_size(analysis: StudyAnalysis) -> PaperTable | None:
    """The shape taken by dataset size and range of sizes."""
    s = analysis.settings
    found = [row for row in span_rows(analysis) if row["cost"] == s.size]
    if not found:
        return None
    size = plain_name(s.size_name)

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                ink.examples(row["n_examples"]),
                _range(row, ink, s.size),
                ink.words(row["shape"]),
                ink.words(STANDINGS[row["standing"]]),
                _share(row["probability"], ink),
            )
            for row in found
        ]

    return PaperTable(
        name="shapes",
        caption=(
            f"The shape to take by dataset size and size ({size}). Enough: the simplest shape that "
            f"is not told worse, where no other saves {LEVEL:.0%} of the error. The probability is "
            "that of what is said, the least at any size of the range"
        ),
        head=("Examples", capital(size), "Shape", "It is", "Probability"),
        align="rrllr",
        rows=rows,
        breaks=_groups(found),
    )


def _budgets(analysis: StudyAnalysis) -> PaperTable | None:
    """The network to take within a budget, at the largest dataset size."""
    s = analysis.settings
    last = analysis.shapes[-1].n_examples
    found = _of_last(analysis, budget_rows(analysis))
    if not found:
        return None
    size, error = plain_name(s.size_name), plain_name(s.error_name)
    told = last != UNKNOWN

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                *([ink.examples(row["n_examples"])] if told else []),
                ink.quantity(row["most"], row["cost"]),
                ink.words(row["network"]),
                ink.quantity(row["value"], row["cost"]),
                ink.full(
                    Measured(
                        value=row["error"], low=row["error_low"], high=row["error_high"],
                        level=row["level"],
                    )
                ),
            )
            for row in found
        ]  # fmt: skip

    return PaperTable(
        name="shape_budgets",
        caption=f"The network to take within a budget{_at(last)}, and its {error} on the curve of "
        f"its shape, with the {s.level:.0%} interval",
        head=(
            *(["Examples"] if told else []),
            f"{capital(size)}, at most",
            "Network",
            capital(size),
            capital(error),
        ),
        align="rrlrr" if told else "rlrr",
        rows=rows,
        tight=True,
    )


def _growth(analysis: StudyAnalysis) -> PaperTable | None:
    """What twice the size saves, at the largest dataset size."""
    s = analysis.settings
    found = _of_last(analysis, growth_rows(analysis))
    if not found:
        return None

    def saved(row: Mapping[str, Any], name: str, ink: Ink) -> str:
        value, low, high = (row[f"{name}_{part}"] for part in ("value", "low", "high"))
        if not math.isfinite(value):
            return ""
        if s.marginal_is_absolute:
            return f"{ink.number(_three(value))} ({ink.span(_three(low), _three(high))})"
        return f"{_share(value, ink)} ({_share(low, ink)} to {_share(high, ink)})"

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                _range(row, ink, s.size),
                ink.words(row["shape"]),
                saved(row, "keep", ink),
                ink.words(row["other"]),
                saved(row, "change", ink),
                ink.words(WAYS[row["way"]]),
            )
            for row in found
        ]

    return PaperTable(
        name="shape_growth",
        caption=f"Which way to grow{_at(analysis.shapes[-1].n_examples)}: what twice the size "
        "saves by the same shape, and by the best other one, with "
        f"{s.level:.0%} intervals",
        head=(f"From {plain_name(s.size_name)}", "Shape", "Kept, it saves", "Other", "It saves",
              "Better"),
        align="rlllll",
        rows=rows,
        tight=True,
    )  # fmt: skip


def _of_last(analysis: StudyAnalysis, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last = analysis.shapes[-1].n_examples
    return [row for row in rows if row["n_examples"] in (last, None)]


def _groups(rows: Sequence[Mapping[str, Any]]) -> frozenset[int]:
    n = [row["n_examples"] for row in rows]
    return frozenset(k for k in range(1, len(rows)) if n[k] != n[k - 1])


def _at(n_examples: float) -> str:
    known = n_examples != UNKNOWN
    return f" at {format_examples(n_examples, 'training examples')}" if known else ""


def _range(row: Mapping[str, Any], ink: Ink, size: str) -> str:
    low, high = _three(row["low"]), _three(row["high"])
    if in_unit(low, size)[1]:
        ends = dict.fromkeys(ink.quantity(end, size) for end in (low, high))
        return " to ".join(ends)
    return ink.number(low) if low == high else ink.span(low, high)


def _three(value: float) -> float:
    """Three digits, as many as a size has in words; whole numbers below a thousand as they are."""
    return float(f"{value:.3g}")


def _share(value: float, ink: Ink) -> str:
    return ink.percent(round(value, 2))
