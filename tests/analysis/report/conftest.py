"""A study with every part that a report shows, with names that try to break out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.report import LearningCurve, ReportSource, Share, write_report
from tests.support.tables import study_rows

HOSTILE = '</script><img src=x onerror="document.title=1">&amp;'


@dataclass(frozen=True, kw_only=True)
class Written:
    """A report with what it was made from."""

    analysis: StudyAnalysis
    table: TrialTable
    source: ReportSource
    path: Path


def report_rows() -> list[dict[str, object]]:
    """Replicates, pruned models, search trials with hyperparameters, failures, costs."""
    rng = np.random.default_rng(1)
    rows = study_rows(pruned=True)
    for row in rows:
        size = float(str(row["n_parameters"]))
        row["flops_per_example"] = 2.0 * size**1.3
        row["wall_seconds"] = 0.5
    for n in (100, 400, 1600):
        for width in (2, 8, 32, 128):
            for k in range(6):
                rate = float(10 ** rng.uniform(-4, -1))
                rows.append(
                    {
                        "slot": f"n{n}-w{width}-s{k}",
                        "cell": f"n{n}-w{width}",
                        "phase": "search",
                        "n_examples": n,
                        "width": width,
                        "n_parameters": 75.0 * width + 10,
                        "val_error": 0.2 + 0.1 * abs(np.log10(rate) + 2) + 0.01 * rng.random(),
                        "test_error": 0.3,
                        "wall_seconds": 0.25,
                        "params": {"learning_rate": rate, "dropout": float(rng.uniform(0, 0.5))},
                    }
                )
    failed = {"n_examples": 100, "phase": "search", "status": "failed", "reason": HOSTILE}
    rows += [failed | {"slot": "broken", "cell": HOSTILE}]
    return rows


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    table = TrialTable.from_rows(report_rows())
    analysis = analyse(table, AnalysisSettings(rule="plateau", resamples=400))
    source = ReportSource(
        name=HOSTILE,
        description="How wide?",
        commands=("payoff run study.toml",),
        facts={"Seed": "0"},
        study_file='[study]\nname = "x"\n',
        learning=tuple(
            LearningCurve(
                slot=f"n{n}-w{width}-r0",
                series={"val_error": tuple((k, 0.5 / (k + 1)) for k in range(20))},
            )
            for n in (100, 1600)
            for width in (2, 64)
        ),
        importance=(
            Share(n_examples=100, hyperparameter="dropout", importance=0.4, within_cells=0.5),
        ),
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(analysis, table, path, source)
    return Written(analysis=analysis, table=table, source=source, path=path)
