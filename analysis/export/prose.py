"""Sentences and cells that become LaTeX or Markdown: numbers and words written once for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.export.latex import escape, full_tex, interval_tex, number_tex
from analysis.table.columns import FIELDS
from analysis.table.names import in_unit
from analysis.table.trials import UNKNOWN
from analysis.words.rounding import Measured

PREFIXES = {"": "", "m": r"\milli", "µ": r"\micro", "n": r"\nano"}
"""As siunitx writes them."""


@dataclass(frozen=True, kw_only=True)
class Ink:
    """How one of the two is written."""

    form: Literal["latex", "markdown"]

    def number(self, value: Measured | float | int | None, unit: str = "") -> str:
        """A number, with its unit in LaTeX; empty where there is none."""
        if value is None:
            return ""
        if self.form == "latex":
            return number_tex(value, unit)
        if isinstance(value, Measured):
            return value.concise
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"

    def quantity(self, value: float, column: str) -> str:
        """A value of a column in a few digits: seconds in their unit, counts whole."""
        scaled, prefix = in_unit(value, column)
        whole = abs(scaled) >= 99.95
        short: float | int = round(scaled) if whole else float(f"{scaled:.3g}")
        seconds = column in FIELDS and FIELDS[column].unit == "second"
        if not seconds:
            return self.number(short)
        if self.form == "latex":
            return number_tex(short, PREFIXES[prefix] + r"\second")
        return f"{self.number(short)} {prefix}s"

    def full(self, value: Measured | None) -> str:
        """A number with its uncertainty, whether symmetric or not."""
        if value is None:
            return ""
        return full_tex(value) if self.form == "latex" else value.full

    def interval(self, value: Measured | None, unit: str = "") -> str:
        """Both ends of an interval."""
        if value is None:
            return ""
        return interval_tex(value, unit) if self.form == "latex" else value.interval

    def examples(self, n: float | None) -> str:
        """A dataset size."""
        return "all" if n is None or n == UNKNOWN else self.number(n)

    def percent(self, share: float) -> str:
        """A share."""
        text = f"{100 * share:.3g}"
        return rf"\SI{{{text}}}{{\percent}}" if self.form == "latex" else f"{text}%"

    def words(self, text: str) -> str:
        """Plain text."""
        return escape(text) if self.form == "latex" else text

    def cite(self, *keys: str) -> str:
        """A citation, with the space before it."""
        if self.form == "latex":
            return rf"~\cite{{{','.join(keys)}}}"
        return " [" + "; ".join(f"@{key}" for key in keys) + "]"

    def listed(self, items: list[str]) -> str:
        """Items with commas and an "and"."""
        return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]

    def span(self, low: float, high: float) -> str:
        """A range of numbers."""
        return f"{self.number(low)}{'--' if self.form == 'latex' else '–'}{self.number(high)}"


LATEX, MARKDOWN = Ink(form="latex"), Ink(form="markdown")
