"""What each regulariser that the study made an axis is worth."""

from __future__ import annotations

from analysis.export.route_tables import regularisation_table
from analysis.report.markup import figure, notes, section, table
from analysis.study import StudyAnalysis
from analysis.words.kinds import tell


def regularisation(analysis: StudyAnalysis) -> str:
    """The section; nothing where the study made no regulariser an axis."""
    found = regularisation_table(analysis)
    if found is None:
        return ""
    # Two columns of intervals: each by the column that it belongs to.
    heads = [
        f"{found.head[k - 1]}: {head}" if "interval" in head else head
        for k, head in enumerate(found.head)
    ]
    level = f"{analysis.settings.level:.0%}"
    return section(
        "regularisation",
        "What regularisation is worth",
        notes([f"{tell(one).whole}." for one in analysis.found("regulariser")]),
        figure(
            "regularisation",
            "Share of the error that the value chosen on validation saves over the weakest value "
            f"tried, pair by pair on the same draws. Bars: {level} intervals; open marks: the "
            "weakest was chosen.",
            kind="multiples",
        ),
        table(
            [dict(zip(heads, row, strict=True)) for row in found.plain],
            caption="Mean over the capacities where another value than the weakest was chosen, and "
            "the factor by which the payoff point moves",
            words=(heads[0],),
            parts=heads[0],
        ),
    )  # fmt: skip
