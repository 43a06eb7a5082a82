"""What stands behind the verdict: checks of the curve, tuning, effects, routes, learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from analysis.export.prose import MARKDOWN
from analysis.export.route_tables import regularisation_table
from analysis.export.tables import best_values_table
from analysis.findings import Kind
from analysis.report.markup import (
    count,
    figure,
    folded,
    notes,
    number,
    paragraph,
    section,
    span,
    table,
)
from analysis.report.source import ReportSource
from analysis.study import StudyAnalysis
from analysis.table.names import format_size, plain_name
from analysis.verdicts.decide import PLACED
from analysis.words.kinds import notes as notes_of
from analysis.words.kinds import tell
from analysis.words.rows import prune_rows, tuning_rows
from analysis.words.study import verdict_cell
from analysis.words.told import capital
from analysis.words.tuning import POOLED, SEEN

Drawn = Mapping[str, Any]


def checks(analysis: StudyAnalysis, drawn: Drawn) -> str:
    """Residuals, and what the smaller sizes foretold of the larger ones."""
    held = [one for one in drawn["holdout"] if one["cells"]]
    insides = [sum(c["low"] <= c["measured"] <= c["high"] for c in one["cells"]) for one in held]
    cells = sum(len(one["cells"]) for one in held)
    level = f"{analysis.settings.level:.0%}"
    own = " of its shape" if any(fit.ladders is not None for fit in analysis.fits) else ""
    content = [
        figure(
            "residuals",
            f"What each cell's mean error misses of the fitted curve{own}. Bars: what replicates, "
            "subset draws and test examples explain (90%).",
        )
    ]
    if held:
        content += [
            "<h3>Held-out sizes</h3>",
            paragraph(
                "The largest sizes were hidden and forecast from the smaller ones. "
                f"{sum(insides)} of {cells} measured errors lie inside the forecast's {level} band."
            ),
            figure("holdout", "One is a perfect forecast. Bars: the band of the forecast."),
            table(
                [
                    {
                        "examples": count(one["n"]),
                        "sizes shown up to": format_size(one["shown_up_to"]),
                        "cells held out": len(one["cells"]),
                        "inside the band": inside,
                        "typical miss": f"{100 * math.expm1(one['error']):.3g}%",
                    }
                    for one, inside in zip(held, insides, strict=True)
                ],
                caption="Forecasts of held-out sizes",
            ),
        ]
    content += [
        paragraph(f"{count(one['n'])} examples: {one['why']}.", "lede")
        for one in drawn["holdout"]
        if one["why"]
    ]
    laws = [
        {
            "examples": count(one["n"]),
            "law": law["name"].replace("_", " "),
            "miss of hidden sizes": ""
            if law["score"] is None
            else f"{100 * math.expm1(min(law['score'], 50)):.3g}%",
            "weight among laws": number(law["weight"], "{:.2f}"),
            "why it is out": law["reason"],
        }
        for one in drawn["axes"][0]["curves"]
        for law in one["laws"]
    ]
    content.append(
        folded(
            "Single laws, by how they predict hidden sizes",
            table(
                laws,
                caption="The verdict rests on an average over laws and departures from "
                "them; these are the laws alone",
                words=("law", "why it is out"),
                wide=("why it is out",),
                parts="examples",
            ),
        )
    )
    return section("checks", "Does the curve hold?", *content)


def tuning(analysis: StudyAnalysis) -> str:
    """Whether the search was long enough, cell by cell."""
    title = "Was it tuned enough?"
    if analysis.found("tuning_unjudged"):
        return section("tuning", title, _told(analysis, "tuning_unjudged"))
    if analysis.tuning is None:
        return ""
    rows = [
        {
            "examples": count(row["n_examples"]),
            "cell": row["cell"],
            "search trials": row["trials"],
            "failed": row["failed"],
            "best validation error": number(row["best"], "{:.4g}"),
            "saved by the last doubling": number(row["gain"], "{:.1%}"),
            "kept on the test set": number(row["kept_gain"], "{:.1%}"),
            "more would pay": "yes" if row["more_pays"] else "",
        }
        for row in tuning_rows(analysis.tuning)
    ]
    if analysis.tuning.elsewhere:  # nothing to draw: no cell is judged by its own trials
        judged = ("saved by the last doubling", "kept on the test set", "more would pay")
        rows = [{name: row[name] for name in row if name not in judged} for row in rows]
        as_table = _as_table(rows, "Search trials of each cell", ("cell",))
        return section("tuning", title, paragraph(f"{capital(POOLED)}."), as_table)
    return section(
        "tuning",
        title,
        *(paragraph(f"{capital(tell(one).text)}.") for one in analysis.found("tuning")),
        figure(
            "tuning",
            "What the last doubling of the search trials of each cell saved of the error of the "
            "trial it chose. Filled: cells where more trials would still pay. Dashed: 5%.",
        ),
        _as_table(rows, "Tuning of each cell", ("cell",)),
    )  # fmt: skip


def effects(analysis: StudyAnalysis, source: ReportSource) -> str:
    """What each hyperparameter did within the cells."""
    found = () if analysis.tuning is None else analysis.tuning.effects
    rows = [
        {
            "examples": count(one.n_examples),
            "hyperparameter": one.hyperparameter,
            "cells": one.capacity,
            "seen": SEEN[one.seen],
            "rank correlation": f"{one.correlation:+.2f}",
            f"{one.level:.0%} interval": f"{one.low:+.2f} to {one.high:+.2f}",
            "trials": one.trials,
        }
        for one in found
    ]
    shares = [
        {
            "examples": f"{one.n_examples:,}",
            "hyperparameter": one.hyperparameter,
            "share of all": f"{one.importance:.1%}",
            "share within cells": number(one.within_cells, "{:.1%}"),
        }
        for one in source.importance
    ]
    if not rows and not shares and not analysis.best_values:
        return ""
    best = best_values_table(analysis)
    words = ("hyperparameter", "cells", "seen")
    return section(
        "effects",
        "Which hyperparameters mattered",
        _told(analysis, "hyperparameters"),
        notes([f"{tell(one).whole}." for one in analysis.found("best_value") if one.noted]),
        figure(
            "effects",
            "Validation error of the low, middle and high third of each hyperparameter's values, "
            "relative to the mean of its cell, so that capacity and data are the same. "
            f"Bars: {analysis.settings.level:.0%} intervals over cells.",
            kind="multiples",
        )
        if rows
        else "",
        _as_table(rows, "Effects within cells", words),
        folded("Best values", table(
            [dict(zip(best.head, row, strict=True)) for row in best.rows(MARKDOWN)],
            caption=f"{best.caption}.", words=best.head[:1] + best.head[2:],
        )) if best else "",
        folded("Importance (PED-ANOVA)", table(
            shares, caption="Share of what sets the best trials apart", words=words,
            parts="examples",
        )),
    )  # fmt: skip


def routes(analysis: StudyAnalysis) -> str:
    """The routes to a small model, compared at each dataset size."""
    told = notes_of(analysis.findings, "routes", "distillation", "laws", "regularisation", "costs")
    if not analysis.routes:
        return section("findings", "What else was found", notes(told))
    size = plain_name(analysis.routes[0].size)
    level = f"{analysis.settings.level:.0%}"
    rows = []
    for study in analysis.routes:
        for route, saving in study.told:
            point, ratio = route.fit.verdict, saving.ratio if saving else math.nan
            rows.append(
                {
                    "examples": count(study.n_examples),
                    "route": route.name,
                    "cells": len(route.fit.curve),
                    "runs": int(route.fit.curve.replicates.sum()),
                    "verdict": verdict_cell(route.fit, point),
                    size: format_size(point.size) if point.kind in PLACED else "",
                    "times smaller at equal error": number(ratio, "{:.3g}"),
                    f"{level} interval": span(saving.low, saving.high, "{:.3g}") if saving else "",
                }
            )
    return section(
        "routes",
        "Routes to a small model",
        notes(told),
        '<div class="controls" data-controls="routes"></div>',
        figure(
            "routes",
            f"Error against size of each route, with its {level} band; one panel for each dataset "
            "size.",
            kind="multiples",
        ),
        table(rows, caption="Payoff point and size saved, route by route",
              words=("route", "verdict"), parts="examples"),
    )  # fmt: skip


def pruning(analysis: StudyAnalysis) -> str:
    """How much of each model can go."""
    if not analysis.ladders:
        return ""
    rows = [
        {
            "examples": count(row["n_examples"]),
            "cell": row["cell"],
            "weights removed": f"{row['prune_ratio']:.4g}",
            "error": f"{row['error']:.4g}",
            "rise": f"{row['cost']:+.1%}",
            f"{analysis.settings.level:.0%} interval": span(row["low"], row["high"], "{:+.1%}"),
            "pairs": row["pairs"],
        }
        for row in prune_rows(analysis.ladders)
    ]
    return section(
        "pruning",
        "Pruned models",
        notes([f"{capital(tell(one).text)}." for one in analysis.found("pruning")]),
        figure(
            "prune",
            "Each pruned run is compared with its own dense parent; the largest model of each "
            "dataset size.",
        ),
        _as_table(rows, "Every prune ratio", ("cell",)),
    )  # fmt: skip


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
        _told(analysis, "regulariser"),
        figure(
            "regularisation",
            "Share of the error that the value chosen on validation saves over the weakest value "
            f"tried, pair by pair on the same draws. Bars: {level} intervals; open marks: the "
            "weakest was chosen.",
            kind="multiples",
        ),
        table(
            [dict(zip(heads, row, strict=True)) for row in found.rows(MARKDOWN)],
            caption="Mean over the capacities where another value than the weakest was chosen, and "
            "the factor by which the payoff point moves",
            words=(heads[0],),
            parts=heads[0],
        ),
    )  # fmt: skip


def learning(source: ReportSource, drawn: Drawn) -> str:
    """Learning curves of some replicates, or why there are none."""
    if not drawn["learning"]:
        return (
            section("learning", "Learning curves", paragraph(source.learning_missing, "lede"))
            if source.learning_missing
            else ""
        )
    return section(
        "learning",
        "Learning curves",
        figure(
            "learning",
            "Validation error against training step of one replicate of each of some capacities, "
            "smaller to larger in the order of the colours.",
            kind="multiples",
        ),
    )


def _told(analysis: StudyAnalysis, kind: Kind) -> str:
    return notes([f"{tell(one).whole}." for one in analysis.found(kind)])


def _as_table(rows: list[dict[str, Any]], caption: str, words: tuple[str, ...]) -> str:
    return folded(
        "The same as a table", table(rows, caption=caption, words=words, parts="examples")
    )
