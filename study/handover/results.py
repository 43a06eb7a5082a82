"""From what the storage holds to the trial table, the analysis and the files on disk."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.settings import AnalysisSettings
from analysis.study import StudyAnalysis, analyse
from analysis.table.trials import TrialTable
from analysis.table.writing import write_table
from search_spaces.errors import PayoffError
from study.places import Places
from study.plan.design import slots
from study.record import TrialRecord
from study.spec.study_file import StudySpec
from study.trials.latency import latency_file, with_latency

SCREEN = ".png"
"""The form of the figures that a run writes; each further form would take as long again."""


def table_of(records: Iterable[TrialRecord]) -> TrialTable:
    """Lay the records of finished trials out as the trial table of the analysis."""
    return TrialTable.from_rows([record.row() for record in records])


def finished_trials(spec: StudySpec, places: Places, again: str) -> tuple[TrialRecord, ...]:
    """Return the finished trials of a study that was started, with the latencies measured since.

    Raises PayoffError, which names the command ``again``, if it was not started.
    """
    from study.queue.opening import stored_study

    records = stored_study(spec, places, again).records()
    return with_latency(records, latency_file(places, spec.name))


def settings_of(spec: StudySpec) -> AnalysisSettings:
    """Return the settings of the analysis that a study file asks for."""
    return dataclasses.replace(spec.analysis, seed=spec.study.seed)


def analyse_study(
    spec: StudySpec, records: Iterable[TrialRecord], *, again: str = "payoff run"
) -> tuple[StudyAnalysis, TrialTable]:
    """Analyse the finished trials of a study; ``again`` is named where no replicate is usable."""
    rows = list(records)
    replicates = [row for row in rows if row.phase == "replicate"]
    if not any(row.status == "complete" for row in replicates):
        total = sum(1 for _ in slots(spec))
        if len(rows) < total:
            raise PayoffError(
                f"{spec.name}: no replicate trial has finished well yet, got {len(rows)} finished "
                f"trials of {total}; go on with the study first: {again}"
            )
        raise PayoffError(
            f"{spec.name}: all {len(replicates)} replicates failed: {_commonest(rows)}; "
            "mend that and give the study a new name"
        )
    table = table_of(rows)
    return analyse(table, settings_of(spec)), table


def write_results(analysis: StudyAnalysis, table: TrialTable, directory: Path) -> list[Path]:
    """Write the verdict, the numbers, the trial table and the figures; return the figures.

    Figures are for the screen; those for paper are drawn when they are asked for
    (:mod:`analysis.plots.print_figures`), and what an earlier version left in other forms goes.
    """
    from analysis.plots import SUFFIXES, write_figures

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=directory) as name:
            folder = Path(name)
            (folder / "verdict.md").write_text(analysis.markdown(), encoding="utf-8")
            text = json.dumps(analysis.to_json(), indent=2, sort_keys=True, allow_nan=False)
            (folder / "payoff.json").write_text(text + "\n", encoding="utf-8")
            write_table(table, folder / "trials.csv")
            figures = [path.name for path in write_figures(analysis, folder, (SCREEN,))]
            # Each file appears whole or not at all, and an older one stays until then.
            for path in sorted(folder.iterdir()):
                path.replace(directory / path.name)
            for name in figures:
                for suffix in SUFFIXES:
                    if suffix != SCREEN:
                        (directory / name).with_suffix(suffix).unlink(missing_ok=True)
        return [directory / name for name in figures]
    except OSError as error:
        raise PayoffError(
            f"{directory}: cannot be written ({error.strerror}); "
            "make room, or choose another folder"
        ) from None


def _commonest(rows: Sequence[TrialRecord]) -> str:
    """Return the commonest reason of failure; of a cell's first trials if later ones follow."""
    failed = [row for row in rows if row.status != "complete"]
    # A replicate whose search failed says no more than that: the search knows why.
    searched = [row for row in failed if row.phase == "search"]
    reasons = Counter(row.reason or row.status for row in searched or failed)
    return str(reasons.most_common(1)[0][0])
