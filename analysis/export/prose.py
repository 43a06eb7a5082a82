"""Sentences that become LaTeX or Markdown: numbers, citations and words written once for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.export.latex import escape, number_tex
from analysis.words.rounding import Measured


@dataclass(frozen=True, kw_only=True)
class Ink:
    """How one of the two is written."""

    form: Literal["latex", "markdown"]

    def number(self, value: Measured | float | int) -> str:
        """A number."""
        if self.form == "latex":
            return number_tex(value)
        if isinstance(value, Measured):
            return value.concise
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"

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
