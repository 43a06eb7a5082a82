"""The methods paragraph tells how pruned and distilled models were really made, and cites it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, StudyAnalysis, analyse
from analysis.export.checklist import checklist
from analysis.export.facts import AxisFacts
from analysis.export.methods import cited, entries, methods
from benchmarks.simulation.routes import simulate_routes
from study.handover.paper import facts_of
from study.spec.study_file import parse_spec
from tests.analysis.export.test_export import FACTS
from tests.analysis.routes.test_comparison import TRUTH


@pytest.fixture(scope="module")
def routes() -> StudyAnalysis:
    table = simulate_routes(TRUTH, np.random.default_rng(5))
    return analyse(table, AnalysisSettings(resamples=200))


Facts = dict[str, str | int | float | bool]

WAYS = {
    "one-shot": ("in one cut and fine-tuned for 30%", "han2015learning"),
    "untuned": ("in one cut with no training after it", "han2015learning"),
    "iterative": ("each remove 20% of the remaining weights, fine-tuned", "han2015learning"),
    "rewind-weights": ("trained again from the first weights", "frankle2019lottery"),
    "rewind-rate": ("trained again at the learning rates", "renda2020comparing"),
    "structured": ("whole units or channels of least L1 norm", "li2017pruning"),
}


@pytest.mark.parametrize("method", WAYS)
def test_a_way_of_pruning_is_told_and_cited_alone(routes: StudyAnalysis, method: str) -> None:
    pruning: Facts = {
        "fine_tune_fraction": 0.3,
        "methods": method,
        "level_ratio": 0.2,
    }
    facts = dataclasses.replace(FACTS, pruning=pruning)
    words, key = WAYS[method]
    text = methods(routes, facts, "markdown")
    assert words in text
    sources = {source for _, source in WAYS.values()}
    assert sources & set(re.findall(r"@(\w+)", text)) == {key}
    assert sources & set(cited(facts, routes.settings)) == {key}
    tuned = method in ("one-shot", "iterative", "structured")
    assert ("30% of the training steps" in text) == tuned


def test_all_that_is_cited_has_an_entry(routes: StudyAnalysis) -> None:
    pruning: Facts = {
        "fine_tune_fraction": 0.3,
        "methods": ", ".join(WAYS),
        "level_ratio": 0.2,
    }
    facts = dataclasses.replace(
        FACTS,
        pruning=pruning,
        teachers=("best", "width8-depth1"),
        student_axes=(AxisFacts(name="distill_mixing", role="nuisance", low=0.5, high=0.95),),
    )
    latex = methods(routes, facts, "latex")
    used = {key for keys in re.findall(r"\\cite\{(.*?)\}", latex) for key in keys.split(",")}
    known = {*entries(), *facts.references}
    assert used | {"li2025misfitting"} == set(cited(facts, routes.settings)) <= known
    assert "distill mixing (uniform on" in latex and "width8-depth1" in latex
    assert not re.search(r"(?<!\\)[%#_]", re.sub(r"\\cite\{.*?\}", "", latex))
    answers = {
        asked: answer
        for group in checklist(routes, facts).values()
        for asked, answer in group.items()
    }
    assert (
        "of students also distill mixing" in answers["What was tuned, and how much for each size?"]
    )
    assert "on non-zero weights" in answers["How were the routes compared?"]


def test_a_study_file_tells_its_students_own_axes() -> None:
    raw = {"study": {"routes": ["train", "distill"]}, "space": {"distill_temperature": 3.0}}
    facts = facts_of(parse_spec(raw, base=Path.cwd()), [], ())
    named = {axis.name: axis.role for axis in facts.student_axes}
    assert named == {"distill_temperature": "fixed", "distill_mixing": "nuisance"}
    assert facts.teachers == ("best",)
