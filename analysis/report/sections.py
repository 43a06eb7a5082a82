"""The parts of the page, in the order in which a reader asks: answer, picture, evidence, origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from analysis.report.markup import (
    count,
    definitions,
    duration,
    figure,
    folded,
    notes,
    paragraph,
    section,
    table,
)
from analysis.report.source import ReportSource
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.table.trials import UNKNOWN, TrialTable
from analysis.words import verdicts
from analysis.words.kinds import notes as notes_of
from analysis.words.kinds import tell

Drawn = Mapping[str, Any]


def head(analysis: StudyAnalysis, trials: TrialTable, source: ReportSource) -> str:
    """The verdict in one sentence, and the few numbers that everybody asks for."""
    point = analysis.fits[-1].verdict
    name, *told = verdicts.head(point, analysis.settings)
    facts: dict[str, Sequence[str]] = {name: told}
    sizes = [fit.curve.n_examples for fit in analysis.fits if fit.curve.n_examples != UNKNOWN]
    replicates = sum(phase == "replicate" for phase in trials.phase)
    longer = sum(phase == "longer" for phase in trials.phase)
    searched = len(trials) - replicates - longer
    kinds = f"{searched:,} search, {replicates:,} replicate" if searched else "replicates"
    facts["Trials"] = f"{len(trials):,}", kinds + (f", {longer:,} longer" if longer else "")
    if sizes:
        facts["Dataset sizes"] = (
            f"{count(min(sizes))} to {count(max(sizes))}" if len(sizes) > 1 else count(sizes[0]),
            f"{len(sizes)} of them" if len(sizes) > 1 else "training examples",
        )
    seconds = float(np.nansum(trials.wall_seconds))
    if seconds > 0.0:
        facts["Training time"] = (duration(seconds), "summed over all trials")
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"
        for name, (value, more) in facts.items()
    )
    described = paragraph(source.description, "description") if source.description else ""
    return (
        '<header class="top"><p class="kicker">How big must the model be?</p>'
        f"<h1>{escape(source.name)}</h1>{described}"
        f'<p class="verdict">{escape(analysis.sentence)}</p>'
        f'<dl class="facts">{listed}</dl></header>'
    )


def curve(analysis: StudyAnalysis, drawn: Drawn) -> str:
    """The interactive figure, and its numbers as a table."""
    s = analysis.settings
    level = f"{s.level:.0%}"
    size, error = plain_name(s.size_name), plain_name(s.error_name)
    rows = [
        {
            "examples": count(fit.curve.n_examples),
            "cell": name,
            size: f"{m:,.6g}",
            f"mean {error}": f"{e:.4g}",
            "replicates": int(r),
            "curve": "" if fit.draws is None else f"{float(c):.4g}",
        }
        for fit in analysis.fits
        for name, m, e, r, c in zip(
            fit.curve.cell,
            fit.curve.size,
            fit.shown(fit.curve.error),
            fit.curve.replicates,
            fit.curve.size if fit.draws is None else fit.shown(fit.cell_errors()),
            strict=True,
        )
    ]
    shapes = (
        "Thin lines: the curve of each shape, of which the line is the best at each size; the form "
        "of a mark says the shape. "
        if any(fit.ladders is not None for fit in analysis.fits)
        else ""
    )
    caption = (
        "Open marks: mean of a cell's replicates (one dataset size, one capacity); dots: single "
        f"runs. Line and band: fitted curve and its {level} band. Star: payoff point under the "
        f"rule chosen, its bar the {level} interval; an arrow reaches out of the range tried. "
        f"{shapes}Point at a mark, or step with the arrow keys, to see what is behind it."
    )
    return section(
        "curve",
        "Error against size",
        '<div class="controls"></div>',
        figure("curve", caption),
        '<p id="axis-verdict" class="lede" role="status"></p>',
        folded("The same as a table", table(
            rows, caption="Cells of the curves", words=("cell",), parts="examples"
        )),
    )  # fmt: skip


def payoff(analysis: StudyAnalysis) -> str:
    """Every rule at every dataset size, what cannot be told, and growth with the data."""
    content = [
        table(
            analysis.rows(),
            caption="Payoff points under each rule",
            words=("rule", "verdict", f"{analysis.settings.level:.0%} interval"),
            parts="examples",
        ),
        notes(notes_of(analysis.findings, "payoff")),
    ]
    if analysis.growth is not None:
        content.append(
            figure(
                "growth",
                "Payoff points that lie inside the range, and their power law in the number of "
                "training examples; dashed where it looks ahead. That it goes on is an assumption.",
            )
        )
    return section("payoff", "Where size stops paying", *content)


def failures(analysis: StudyAnalysis, trials: TrialTable) -> str:
    """Trials that failed, with their reasons, and what does not draw a curve."""
    reasons = Counter(
        (status, phase, reason or "no reason recorded")
        for status, phase, reason in zip(trials.status, trials.phase, trials.reason, strict=True)
        if status != "complete"
    )
    failed = [
        {"outcome": status, "phase": phase, "trials": times, "reason": reason}
        for (status, phase, reason), times in reasons.most_common()
    ]
    left = [{"trials": f"{times:,}", "left out": r} for r, times in analysis.counts.items()]
    (short,) = analysis.found("undertrained")
    return section(
        "failures",
        "Failures and exclusions",
        paragraph(
            "Every trial finished." if not failed else f"{sum(reasons.values()):,} trials failed."
        ),
        table(
            failed,
            caption="Trials that did not finish well",
            words=("outcome", "phase", "reason"),
            wide=("reason",),
        ),
        notes(notes_of(analysis.findings, "failures")),
        table(left, caption="Trials that do not draw a curve", words=("left out",)),
        paragraph(f"{tell(short).whole}.") if analysis.endings_told else "",
        notes([f"{tell(one).whole}." for one in analysis.found("longer") if one.noted]),
    )


def made(analysis: StudyAnalysis, source: ReportSource) -> str:
    """Versions, digests, seeds, settings, commands."""
    settings = {
        name: str(value) for name, value in analysis.settings.as_dict().items() if value != ""
    }
    commands = (
        f"<pre><code>{escape(chr(10).join(source.commands))}</code></pre>"
        if source.commands
        else ""
    )
    file = f"<pre><code>{escape(source.study_file)}</code></pre>" if source.study_file else ""
    return section(
        "made",
        "How this was made",
        commands,
        definitions(source.facts),
        folded("Settings of the analysis", definitions(settings)),
        folded("The study file", file),
    )


SECTIONS: tuple[tuple[str, str], ...] = (
    ("curve", "Curve"),
    ("payoff", "Payoff"),
    ("shapes", "Shapes"),
    ("checks", "Checks"),
    ("tuning", "Tuning"),
    ("effects", "Hyperparameters"),
    ("routes", "Routes"),
    ("findings", "Findings"),
    ("pruning", "Pruning"),
    ("regularisation", "Regularisation"),
    ("learning", "Learning"),
    ("failures", "Failures"),
    ("costs", "Costs"),
    ("trials", "Trials"),
    ("made", "Origin"),
)
"""Anchors with their names in the page's navigation."""
