"""From what the storage holds to the trial table, the analysis and the files on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis.settings import AnalysisSettings
from analysis.study import StudyAnalysis, analyse
from analysis.trials import TrialTable
from study.errors import PayoffError
from study.spec import StudySpec


def table_of(records: Iterable[Mapping[str, Any]]) -> TrialTable:
    """Lay the records of finished trials out as the trial table of the analysis."""
    return TrialTable.from_rows([row_of(record) for record in records])


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten one record into a row: sizes, scores and flags become columns."""
    params = record["params"]
    row = {
        name: record[name]
        for name in (
            "trial", "slot", "cell", "phase", "status", "reason", "route", "n_examples", "draw",
            "seed", "n_test",
        )
    }  # fmt: skip
    row["test_correct"] = record["test_correct"] or None
    row["wall_seconds"] = record["finished_at"] - record["started_at"]
    row["params"] = dict(params)
    for name in ("width", "depth", "prune_ratio"):
        if name in params:
            row[name] = params[name]
    for name in ("val_error", "test_error", "train_error"):
        if name in record["metrics"]:
            row[name] = record["metrics"][name]
    for name, value in record["sizes"].items():
        if name in (
            "n_parameters", "n_nonzero", "macs_per_example", "flops_per_example", "model_bytes"
        ):  # fmt: skip
            row[name] = value
    for name in ("still_improving", "stopped_early"):
        row[name] = bool(record["flags"].get(name, False))
    return row


def settings_of(spec: StudySpec, *, chance_error: float | None = None) -> AnalysisSettings:
    """Return the settings of the analysis that a study file asks for."""
    section = spec.analysis
    return AnalysisSettings(
        size=section.size,
        rule=section.rule,
        marginal=section.marginal,
        plateau=section.plateau,
        upturn=section.upturn,
        price=section.price or None,
        level=section.level,
        resamples=section.resamples,
        seed=spec.study.seed,
        chance_error=chance_error,
    )


def analyse_study(
    spec: StudySpec, records: Iterable[Mapping[str, Any]]
) -> tuple[StudyAnalysis, TrialTable]:
    """Analyse the finished trials of a study.

    Raises
    ------
    PayoffError
        If no trial has finished yet.
    """
    rows = list(records)
    if not any(row["phase"] == "replicate" and row["status"] == "complete" for row in rows):
        raise PayoffError(
            f"{spec.name}: no replicate trial has finished yet, got {len(rows)} finished trials; "
            "run the study (again) first: payoff run"
        )
    table = table_of(rows)
    return analyse(table, settings_of(spec)), table


def write_results(analysis: StudyAnalysis, table: TrialTable, directory: Path) -> list[Path]:
    """Write the verdict, the numbers, the trial table and the figures; return the figures."""
    from analysis.plots import write_figures

    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "verdict.md").write_text(analysis.markdown(), encoding="utf-8")
        text = json.dumps(analysis.to_json(), indent=2, sort_keys=True, allow_nan=False)
        (directory / "payoff.json").write_text(text + "\n", encoding="utf-8")
        table.write(directory / "trials.csv")
        return write_figures(analysis, directory)
    except OSError as error:
        raise PayoffError(
            f"{directory}: cannot be written ({error.strerror}); "
            "make room, or choose another folder"
        ) from None
