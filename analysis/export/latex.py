"""LaTeX of a study: a booktabs table of payoff points, and macros for numbers in the text."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from analysis.verdict import format_size
from analysis.wording import VERDICTS, plain_name, rule_name

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def escape(text: str) -> str:
    r"""Text with LaTeX's special characters made plain.

    Examples
    --------
    >>> escape("n_parameters > 5%")
    'n\\_parameters > 5\\%'
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def payoff_table(analysis: StudyAnalysis) -> str:
    r"""A booktabs tabular of the payoff points; needs ``\usepackage{booktabs}``."""
    s = analysis.settings
    size = escape(plain_name(s.size_name).capitalize())
    head = ["Examples", "Rule", "Verdict", size, rf"{100 * s.level:g}\% interval"]
    lines = [r"\begin{tabular}{rllrl}", r"\toprule", " & ".join(head) + r" \\", r"\midrule"]
    for index, fit in enumerate(analysis.fits):
        if index:
            lines.append(r"\addlinespace")
        for point in fit.payoffs:
            row = next(
                row
                for row in analysis.numbers()
                if row["rule"] == point.rule
                and row["n_examples"]
                == (None if fit.curve.n_examples < 0 else fit.curve.n_examples)
            )
            lines.append(_line(row, rule_name(point, s)))
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any], rule: str) -> str:
    placed = row["verdict"] in ("pays_off_until", "hurts_beyond") and math.isfinite(row["size"])
    interval = ""
    if placed:
        low = (r"$<$" if row["low_open"] else "") + format_size(row["low"])
        high = (r"$>$" if row["high_open"] else "") + format_size(row["high"])
        interval = f"{low}--{high}"
    cells = [
        "all" if row["n_examples"] is None else rf"{row['n_examples']:,}".replace(",", r"\,"),
        escape(rule),
        escape(VERDICTS[row["verdict"]]),
        format_size(row["size"]) if placed else "",
        interval,
    ]
    return " & ".join(cells) + r" \\"


def macros(analysis: StudyAnalysis) -> str:
    r"""One ``\newcommand`` for each number that a text may quote.

    Names are like ``\payoffMarginalNOneTwoEightZeroSize``: LaTeX allows letters only, so the
    digits of the dataset size are spelt out.
    """
    s = analysis.settings
    lines = [
        r"\newcommand{\payoffSentence}{" + escape(analysis.sentence) + "}",
        r"\newcommand{\payoffTrials}{" + f"{analysis.n_trials:,}".replace(",", r"\,") + "}",
        r"\newcommand{\payoffLevel}{" + f"{100 * s.level:g}" + r"\%}",
    ]
    for row in analysis.numbers():
        name = "payoff" + row["rule"].capitalize()
        if row["n_examples"] is not None:
            name += "N" + spelt(row["n_examples"])
        lines.append(rf"\newcommand{{\{name}Verdict}}{{{escape(VERDICTS[row['verdict']])}}}")
        if row["verdict"] in ("pays_off_until", "hurts_beyond"):
            for part in ("size", "low", "high"):
                value = format_size(row[part])
                lines.append(rf"\newcommand{{\{name}{part.capitalize()}}}{{{value}}}")
            error = f"{row['error_at_size']:.3g}"
            lines.append(rf"\newcommand{{\{name}Error}}{{{error}}}")
    if analysis.growth is not None:
        for part in ("exponent", "low", "high"):
            value = f"{getattr(analysis.growth, part):.2f}"
            lines.append(rf"\newcommand{{\payoffGrowth{part.capitalize()}}}{{{value}}}")
    return "\n".join(lines) + "\n"


def spelt(number: int) -> str:
    """A whole number with its digits as words.

    Examples
    --------
    >>> spelt(1280)
    'OneTwoEightZero'
    """
    return re.sub(r"\d", lambda found: _DIGITS[int(found.group())], str(number))
