"""Write a study for a paper: the same study gives the same bytes."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.export.latex import macros, payoff_table
from analysis.trials import UNKNOWN, TrialTable

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

CURVE_COLUMNS = ("n_examples", "size", "error", "mean_low", "mean_high", "run_low", "run_high")


def export_study(
    analysis: StudyAnalysis, table: TrialTable, directory: Path | str
) -> tuple[Path, ...]:
    """Write figures, tables, macros, curves and trials; return the files in the order written.

    Parameters
    ----------
    analysis : StudyAnalysis
        What was found.
    table : TrialTable
        The trials that it was found in.
    directory : path
        Made if it does not exist; files of the same names are replaced.
    """
    from analysis.plots import write_figures

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    curves = curve_rows(analysis)
    texts = {
        "verdict.md": analysis.markdown(),
        "payoff.tex": payoff_table(analysis),
        "payoff.csv": _csv(analysis.numbers()),
        "macros.tex": macros(analysis),
        "curves.csv": _csv(curves),
        "curves.json": json.dumps(curves, indent=1) + "\n",
        "analysis.json": json.dumps(analysis.to_json(), indent=2, allow_nan=False) + "\n",
    }
    if analysis.tuning is not None:
        texts["tuning.csv"] = _csv(analysis.tuning.rows())
    if analysis.tuning is not None and analysis.tuning.effects:
        texts["effects.csv"] = _csv(analysis.tuning.effect_rows())
    if analysis.ladders:
        texts["prune.csv"] = _csv(prune_rows(analysis))
    written = []
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
        written.append(directory / name)
    table.write(directory / "trials.csv")
    written.append(directory / "trials.csv")
    written += write_figures(analysis, directory)
    return tuple(written)


def curve_rows(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    """The fitted curves on a dense grid of the sizes tried, with both bands."""
    rows: list[dict[str, Any]] = []
    for fit in analysis.fits:
        if fit.draws is None:
            continue
        grid = np.exp(fit.draws.x[: fit.draws.n_inside])
        mean_low, mean_high = fit.band(grid)
        run_low, run_high = fit.band(grid, kind="run")
        n = fit.curve.n_examples
        columns = (grid, fit.predict(grid), mean_low, mean_high, run_low, run_high)
        for values in zip(*columns, strict=True):
            numbers = [float(f"{value:.6g}") for value in values]
            first = None if n == UNKNOWN else n
            rows.append(dict(zip(CURVE_COLUMNS, (first, *numbers), strict=True)))
    return rows


def prune_rows(analysis: StudyAnalysis) -> list[dict[str, Any]]:
    """Every prune ratio of every capacity."""
    return [
        {
            "n_examples": ladder.n_examples,
            "cell": ladder.cell,
            "size": ladder.size,
            "prune_ratio": step.prune_ratio,
            "error": step.error,
            "cost": step.cost,
            "low": step.low,
            "high": step.high,
            "pairs": step.pairs,
        }
        for ladder in analysis.ladders
        for step in ladder.steps
    ]


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; what is unknown is empty."""
    held = io.StringIO()
    if rows:
        writer = csv.writer(held, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return held.getvalue()


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.8g}" if isinstance(value, float) else value
