"""Shapes in a paper: tables, macros, the methods, files for programs, and all of it compiled."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.export import export_study
from analysis.export.methods import methods
from analysis.export.prose import LATEX, MARKDOWN
from analysis.export.shape_tables import shape_tables
from analysis.plots.venues import VENUES
from analysis.words.shape_rows import STANDINGS, WAYS, budget_rows, shape_metrics
from study.launch.conclusion import payoff_metrics
from tests.support.tables import shaped_rows, study_rows

SETTINGS = AnalysisSettings(resamples=200)
FILES = ("shapes", "shape_budgets", "shape_growth", "shape_steps")


@dataclass(frozen=True)
class Exported:
    """An export with its analysis."""

    analysis: StudyAnalysis
    table: TrialTable
    folder: Path

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    table = TrialTable.from_rows(shaped_rows())
    analysis = analyse(table, SETTINGS)
    folder = tmp_path_factory.mktemp("paper")
    export_study(analysis, table, folder, formats=("svg",))
    return Exported(analysis, table, folder)


def test_files_for_programs_hold_what_was_found(shaped: Exported) -> None:
    first, last = shaped.analysis.shapes
    spans = [row for row in shaped.rows("shapes") if row["cost"] == "n_parameters"]
    assert [(row["n_examples"], row["shape"], row["standing"]) for row in spans] == [
        (f"{one.n_examples:.0f}", span.shape, span.standing)
        for one in (first, last)
        for span in one.spans
    ]
    assert {row["cost"] for row in shaped.rows("shapes")} == {
        "n_parameters", *(cost.cost for cost in last.costs),
    }  # fmt: skip
    budgets = shaped.rows("shape_budgets")
    assert len(budgets) == len(first.budgets) + len(last.budgets)
    assert float(budgets[-1]["error"]) == last.budgets[-1].error.value
    assert budgets[-1]["network"] == f"width {last.budgets[-1].grown:g}, depth 4"
    growth = shaped.rows("shape_growth")
    assert {row["way"] for row in growth} <= set(WAYS)
    assert len(growth) == len(first.growths) + len(last.growths)
    steps = shaped.rows("shape_steps")
    assert len(steps) == len(first.steps) + len(last.steps)
    assert {row["axis"] for row in steps} == {"width", "depth"}
    assert float(steps[0]["saves"]) == first.steps[0].saves.value


def test_json_holds_the_shapes_as_plain_values(shaped: Exported) -> None:
    found = json.loads((shaped.folder / "analysis.json").read_text())["shapes"]
    assert [one["n_examples"] for one in found] == [200, 800]
    last, one = found[-1], shaped.analysis.shapes[-1]
    assert (last["axes"], last["grown_by"]) == (["depth"], "width")
    assert [span["shape"] for span in last["spans"]] == [span.shape for span in one.spans]
    assert last["budgets"][0]["error"]["value"] == one.budgets[0].error.value
    assert [cost["cost"] for cost in last["costs"]] == [cost.cost for cost in one.costs]
    assert len(last["steps"]) == len(one.steps) and len(last["growths"]) == len(one.growths)
    assert "shapes" not in analyse(TrialTable.from_rows(study_rows()), SETTINGS).to_json()


def test_tables_are_for_readers_and_for_latex(shaped: Exported) -> None:
    last = shaped.analysis.shapes[-1]
    text = (shaped.folder / "shapes.md").read_text()
    for span in last.spans:
        assert f"| {span.shape} | {STANDINGS[span.standing]} |" in text
    budgets = (shaped.folder / "shape_budgets.md").read_text()
    assert len(budgets.splitlines()) == 2 + len(last.budgets)
    assert "| width 4, depth 1 |" in budgets
    for name in FILES[:3]:
        latex = (shaped.folder / f"{name}.tex").read_text()
        assert not re.search(r"(?<!\\)%(?!\n)", latex)
        counts = {len(re.findall(r"(?<!\\)&", line)) for line in latex.splitlines() if "&" in line}
        assert len(counts) == 1
        assert rf"\input{{{name}}}" in (shaped.folder / "example.tex").read_text()


def test_the_methods_say_how_shapes_were_compared(shaped: Exported) -> None:
    text = methods(shaped.analysis, None, "markdown")
    assert "Networks of 3 shapes (depth) have curves of their own" in text
    one_shape = analyse(TrialTable.from_rows(study_rows()), SETTINGS)
    assert "shape" not in methods(one_shape, None, "markdown")


@pytest.mark.slow
def test_a_study_of_one_shape_has_none_of_it(tmp_path: Path) -> None:
    table = TrialTable.from_rows(study_rows())
    written = export_study(analyse(table, SETTINGS), table, tmp_path, formats=("svg",))
    assert not {path.stem for path in written} & {*FILES, "best_shape", "shape_map"}
    assert "hape" not in (tmp_path / "macros.tex").read_text()


def test_the_best_shape_is_a_number_to_sort_by(shaped: Exported) -> None:
    metrics = shaped.analysis.metrics()
    last = shaped.analysis.shapes[-1].choices[-1]
    assert metrics["best_depth_n800"] == 4.0 and metrics["best_depth_n200"] == 4.0
    assert metrics["best_shape_probability_n800"] == last.probability
    assert metrics["best_shape_told_n800"] == float(last.standing == "best")
    assert payoff_metrics(shaped.analysis)[800]["best_depth"] == 4.0
    one_shape = analyse(TrialTable.from_rows(study_rows()), SETTINGS)
    assert not [name for name in one_shape.metrics() if "best" in name]


def test_a_shape_that_is_no_number_is_no_metric() -> None:
    shapes = {"depth": (1, 2)}
    rows = [
        row | {"params": {"act": "relu" if row["depth"] == 1 else "tanh"}, "depth": 1}
        for row in shaped_rows(shapes, sizes=(200,))
    ]
    table = TrialTable.from_rows(rows)
    analysis = analyse(table, AnalysisSettings(resamples=200, shape=("act",)))
    (found,) = shape_metrics(analysis).values()
    assert set(found) == {"best_shape_probability", "best_shape_told"}


@pytest.mark.latex
@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES)
def test_it_compiles_at_each_venue(shaped: Exported, venue: str, tmp_path: Path) -> None:
    export_study(shaped.analysis, shaped.table, tmp_path, venue=venue, formats=("pdf", "pgf"))
    example = tmp_path / "example.tex"
    text = example.read_text().replace(
        r"\section*{Methods}",
        r"At most sizes \payoffShape{n800} (\payoffShapeStanding{n800}, "
        r"\payoffShapeProbability{n800}, \payoffShapeSize{n800})."
        "\n" r"\section*{Methods}",
    )  # fmt: skip
    example.write_text(text)
    said = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "example"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout[-3000:]
    log = (tmp_path / "example.log").read_text(errors="replace")
    assert "figures/best_shape.pgf" in log and "figures/shape_map.pgf" in log
    over = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert all(points < 5.0 for points in over), over


def strangers(size: str, scale: float) -> StudyAnalysis:
    """A table that tells layers and one size, and names no cell and no width."""
    kept = ("n_examples", "draw", "seed", "test_error")
    rows = [
        {key: row[key] for key in kept}
        | {"n_parameters": scale * float(str(row[size])), "params": {"n_layers": row["depth"]}}
        for row in shaped_rows()
    ]
    settings = AnalysisSettings(resamples=100, shape=("n_layers",), size_label="own_size")
    return analyse(TrialTable.from_rows(rows), settings)


@pytest.mark.parametrize(
    ("size", "scale", "named"),
    [
        ("n_parameters", 10.0, "n_layers 1, 3,200 own_size"),
        ("latency_seconds", 1e6, "n_layers 1, 45.6 own_size"),
    ],
)
def test_networks_without_a_name_have_their_shape_and_size(
    size: str, scale: float, named: str
) -> None:
    analysis = strangers(size, scale)
    rows = [row for row in budget_rows(analysis) if row["n_examples"] == 800]
    assert named in [row["network"] for row in rows]
    assert all(row["network"].startswith(f"{row['shape']}, ") for row in rows)
    (table,) = (one for one in shape_tables(analysis) if one.name == "shape_budgets")
    text = table.to_markdown()
    assert text.startswith("| Examples | Own_size, at most | Network |") and f"| {named} |" in text
    assert text.count("| 800 | ") == len(rows)
    assert "n_parameters=" not in text


def test_seconds_are_told_in_their_unit_and_counts_are_whole() -> None:
    analysis = analyse(
        TrialTable.from_rows(shaped_rows()), replace(SETTINGS, size="latency_seconds")
    )
    for table in shape_tables(analysis):
        text = table.to_markdown()
        assert "µs" in text and "e-05" not in text and "0.0000" not in text
    assert r"\SI{50}{\micro\second}" in "".join(one.to_latex() for one in shape_tables(analysis))
    assert MARKDOWN.quantity(448.663, "n_parameters") == "449"
    assert LATEX.quantity(448.663, "n_parameters") == r"\num{449}"
    assert MARKDOWN.quantity(1e6, "n_parameters") == "1,000,000"
    assert all(row["value"] == float(f"{row['value']:.12g}") for row in budget_rows(analysis))
