"""Write a study for a paper: the same study gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.export.checklist import checklist, checklist_latex, checklist_markdown
from analysis.export.entries import key_of
from analysis.export.facts import StudyFacts
from analysis.export.latex import escape, example, macros
from analysis.export.methods import bibliography, methods
from analysis.export.route_tables import regularisation_table, routes_table
from analysis.export.shape_tables import shape_files, shape_tables
from analysis.export.tables import as_csv, cell_rows, paper_tables, payoff_rows
from analysis.plots.print_figures import FORMATS, check_formats, write_printed
from analysis.plots.style import font_of
from analysis.plots.venues import DEFAULT_VENUE, VENUES, Venue
from analysis.study import StudyAnalysis
from analysis.table.trials import TrialTable, known
from analysis.table.writing import write_table
from analysis.words.rows import best_value_rows, effect_rows, prune_rows, route_json, tuning_rows
from search_spaces.errors import nearest

CURVE_COLUMNS = ("n_examples", "size", "error", "mean_low", "mean_high", "run_low", "run_high")
FIGURES = "figures"
"""Folder of the pictures."""


@np.errstate(over="ignore")  # of curves that lie beyond all numbers
def export_study(
    analysis: StudyAnalysis,
    table: TrialTable,
    directory: Path | str,
    *,
    facts: StudyFacts | None = None,
    venue: str = DEFAULT_VENUE,
    formats: Iterable[str] = FORMATS,
) -> tuple[Path, ...]:
    """Write all that a paper needs, replacing files; return these in the order written.

    Without the facts of the study's design, the methods paragraph and the checklist say only what
    the trials tell.

    Raises
    ------
    AnalysisError
        If the venue or a format is not known.
    """
    if venue not in VENUES:
        raise AnalysisError(
            f"venue: must be one of {', '.join(VENUES)}, got {venue!r}{nearest(venue, VENUES)}"
        )
    look = VENUES[venue]
    check_formats(formats)
    directory = Path(directory)
    (directory / FIGURES).mkdir(parents=True, exist_ok=True)
    figures = write_printed(analysis, directory / FIGURES, look, formats)
    captions = {figure.name: figure.caption for figure in figures}
    written = []
    for name, text in _texts(analysis, facts, look, captions).items():
        written.append(directory / name)
        written[-1].write_text(text, encoding="utf-8", newline="\n")
    written.append(directory / "trials.csv")
    write_table(table, written[-1])
    written += [path for figure in figures for path in figure.files]
    provenance = directory / "provenance.json"
    provenance.write_text(_provenance(analysis, facts, look, directory, written), encoding="utf-8")
    return (*written, provenance)


def _texts(
    analysis: StudyAnalysis, facts: StudyFacts | None, venue: Venue, captions: dict[str, str]
) -> dict[str, str]:
    """File name -> text of everything but the trials and the pictures."""
    curves = curve_rows(analysis)
    tables = paper_tables(analysis)
    for table in (routes_table(analysis), regularisation_table(analysis)):
        if table is not None:
            tables.append(table)
    tables += shape_tables(analysis)
    items = checklist(analysis, facts)
    key = key_of(analysis.fits[-1].curve.n_examples)
    texts = {
        "verdict.md": analysis.markdown(),
        "macros.tex": macros(analysis, captions),
        "methods.tex": methods(analysis, facts, "latex"),
        "methods.md": methods(analysis, facts, "markdown"),
        "checklist.tex": checklist_latex(items),
        "checklist.md": checklist_markdown(items),
        "references.bib": bibliography(facts, analysis.settings),
        "example.tex": example(
            venue, key, captions, [(table.name, escape(table.caption)) for table in tables]
        ),
        "curves.csv": as_csv(curves),
        "curves.json": json.dumps(curves, indent=1) + "\n",
        "analysis.json": json.dumps(analysis.to_json(), indent=2, allow_nan=False) + "\n",
        "payoff.csv": as_csv(payoff_rows(analysis)),
        "cells.csv": as_csv(cell_rows(analysis)),
    }
    for table in tables:
        texts[f"{table.name}.tex"] = table.to_latex()
        texts[f"{table.name}.md"] = table.to_markdown()
    if analysis.tuning is not None:
        texts["tuning.csv"] = as_csv(tuning_rows(analysis.tuning))
        if analysis.tuning.effects:
            texts["effects.csv"] = as_csv(effect_rows(analysis.tuning))
    if analysis.best_values:
        texts["best_values.csv"] = as_csv(best_value_rows(analysis.best_values))
    for name, rows in route_json(analysis).items():
        if rows:
            texts[f"{name}.csv"] = as_csv(rows)
    for name, rows in shape_files(analysis).items():
        texts[f"{name}.csv"] = as_csv(rows)
    if analysis.ladders:
        texts["prune.csv"] = as_csv(prune_rows(analysis.ladders))
    return texts


def curve_rows(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    """The fitted curves on a dense grid of the sizes tried, with both bands."""
    rows: list[dict[str, Any]] = []
    for fit in analysis.fits:
        if fit.draws is None:
            continue
        grid = np.exp(fit.draws.x[: fit.draws.n_inside])
        mean_low, mean_high = fit.band(grid)
        run_low, run_high = fit.band(grid, kind="run")
        n = known(fit.curve.n_examples)
        columns = (grid, fit.predict(grid), mean_low, mean_high, run_low, run_high)
        for values in zip(*columns, strict=True):
            numbers = [float(f"{value:.6g}") for value in values]
            rows.append(dict(zip(CURVE_COLUMNS, (n, *numbers), strict=True)))
    return rows


def _provenance(
    analysis: StudyAnalysis,
    facts: StudyFacts | None,
    venue: Venue,
    directory: Path,
    written: list[Path],
) -> str:
    """Where everything comes from, and the digest of every file; no dates, no paths."""
    settings = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in analysis.settings.as_dict().items()
    }
    study = {} if facts is None else asdict(facts)
    study.pop("references", None)  # they stand in references.bib
    found = {
        "study": study or None,
        "analysis": settings,
        "trials": analysis.n_trials,
        "figures": {"venue": venue.name, "width_inches": venue.width, "font": font_of(venue)},
        "sha256": {
            path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(written)
        },
    }
    return json.dumps(found, indent=2, sort_keys=True, default=dict) + "\n"
