"""An analysis as Markdown: the answer, the table of payoff points, and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.table.names import format_examples, format_size, plain_name
from analysis.table.trials import UNKNOWN
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import PayoffPoint
from analysis.verdicts.findings import payoff_finding
from analysis.words.kinds import notes, tell
from analysis.words.reasons import interval
from analysis.words.verdicts import rule_name

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis


def markdown(analysis: StudyAnalysis) -> str:
    """Verdict, table of payoff points, what was left out."""
    rows = analysis.rows()
    lines = [f"**{analysis.sentence}**", ""]
    if rows:
        heads = list(rows[0])
        lines.append("| " + " | ".join(heads) + " |")
        lines.append("| " + " | ".join("---" for _ in heads) + " |")
        lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    lines += ["", *(f"- {note}" for note in notes(analysis.findings))]
    return "\n".join(lines).rstrip() + "\n"


def verdict_cell(fit: FittedCurve, point: PayoffPoint) -> str:
    """A verdict as tables say it."""
    return tell(payoff_finding(fit, point)).text


def table_row(fit: FittedCurve, point: PayoffPoint) -> dict[str, str]:
    """One row of the payoff table, in words."""
    s, n = fit.settings, fit.curve.n_examples
    ends = interval(point.low, point.high, point.low_open, point.high_open)
    return {
        "examples": "all" if n == UNKNOWN else format_examples(n),
        "rule": rule_name(point, s),
        "verdict": verdict_cell(fit, point),
        plain_name(s.size_name): format_size(point.size) if point.placed else "",
        f"{s.level:.0%} interval": ends if point.placed else "",
        plain_name(s.error_name): f"{float(fit.predict(point.size)):.3g}" if point.placed else "",
    }
