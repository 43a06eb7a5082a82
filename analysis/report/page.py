"""The page: sections, data, style and scripts in one file that asks nobody for anything."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from analysis.report import evidence, sections
from analysis.report.costs import costs
from analysis.report.drawings import drawings
from analysis.report.markup import embedded_json, section
from analysis.report.shapes import shapes
from analysis.report.source import ReportSource
from analysis.study import StudyAnalysis
from analysis.table.trials import TrialTable

SCRIPTS = ("1-draw.js", "2-curve.js", "3-evidence.js", "4-costs.js", "5-shapes.js", "6-trials.js")

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""A browser is told to refuse whatever would leave the page."""


@np.errstate(over="ignore")  # of curves that lie beyond all numbers
def report_html(
    analysis: StudyAnalysis, table: TrialTable, source: ReportSource | None = None
) -> str:
    """The report as one HTML page; every number on it is one of the analysis' own."""
    source = source or ReportSource()
    drawn = drawings(analysis, table, source.learning)
    parts = [
        sections.curve(analysis, drawn),
        sections.payoff(analysis),
        shapes(analysis, drawn),
        evidence.checks(analysis, drawn),
        evidence.tuning(analysis),
        evidence.effects(analysis, source),
        evidence.routes(analysis),
        evidence.pruning(analysis),
        evidence.regularisation(analysis),
        evidence.learning(source, drawn),
        sections.failures(analysis, table),
        costs(analysis, table),
        section("trials", "All trials", '<div id="trial-table"></div>'),
        sections.made(analysis, source),
    ]
    shown = [
        (name, title)
        for name, title in sections.SECTIONS
        if any(f'<section id="{name}"' in part for part in parts)
    ]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in shown)
    assets = files("analysis.report") / "assets"
    style = (assets / "report.css").read_text(encoding="utf-8")
    scripts = "\n".join((assets / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{escape(analysis.sentence)}">
<link rel="icon" href="data:,">
<title>{escape(source.name)}: how big must the model be?</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#curve">Skip to the figure</a>
<div class="wrap">
{sections.head(analysis, table, source)}
</div>
<nav aria-label="Parts of the report"><ul>{links}</ul></nav>
<main class="wrap">
<noscript><p>The figures need JavaScript; the tables below hold the same numbers.</p></noscript>
{chr(10).join(part for part in parts if part)}
</main>
<div class="wrap"><footer>One file, no network: it can be mailed, archived and printed.
Written by payoff.</footer></div>
{embedded_json("analysis", analysis.to_json())}
{embedded_json("drawings", drawn)}
<script>
{scripts}</script>
</body>
</html>
"""


def write_report(
    analysis: StudyAnalysis,
    table: TrialTable,
    path: Path | str,
    source: ReportSource | None = None,
) -> None:
    """Write the report to a file; the same analysis gives the same bytes."""
    text = report_html(analysis, table, source)
    Path(path).write_text(text, encoding="utf-8", newline="\n")
