"""Costs with their fronts, and what regularisation is worth: on the page, and in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.report import report_html, write_report
from analysis.report.drawings import drawings
from tests.analysis.routes.test_findings import (
    distilled_rows,
    pruned_rows,
    regularised_rows,
    regularised_table,
)
from tests.support.browser import Watched, Watcher

SETTINGS = AnalysisSettings(resamples=200)


@dataclass(frozen=True)
class Page:
    """A report with its analysis."""

    analysis: StudyAnalysis
    path: Path


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Page:
    rows = [*pruned_rows([0.5, 0.9]), *distilled_rows(1.3)]
    table = TrialTable.from_rows(rows)
    analysis = analyse(table, SETTINGS)
    path = tmp_path_factory.mktemp("costs") / "routes.html"
    write_report(analysis, table, path)
    return Page(analysis, path)


@pytest.fixture(scope="module")
def regularised(tmp_path_factory: pytest.TempPathFactory) -> Page:
    table = regularised_table(0.15)
    analysis = analyse(table, SETTINGS)
    path = tmp_path_factory.mktemp("worth") / "worth.html"
    write_report(analysis, table, path)
    return Page(analysis, path)


def test_every_cost_has_a_column_and_masks_a_verdict(routes: Page) -> None:
    text = routes.path.read_text(encoding="utf-8")
    costs = {front.cost for front in routes.analysis.fronts}
    assert {"latency_seconds", "n_nonzero"} <= costs
    for words in ("seconds per prediction", "non-zero weights"):
        assert f'<th scope="col" class="num">{words}</th>' in text
    assert "Masks alone save no seconds per prediction" in text
    models = {p.cell for front in routes.analysis.fronts for p in front.points}
    assert all(f"<td>{cell}</td>" in text for cell in models)


def test_a_study_without_fronts_and_times_has_no_costs() -> None:
    rows = [{"n_parameters": 10.0 * 2**k, "test_error": 0.5} for k in range(2)]
    table = TrialTable.from_rows(rows)
    text = report_html(analyse(table, SETTINGS), table)
    assert 'id="costs"' not in text and 'id="regularisation"' not in text


def opened(browser: Watcher, page: Page) -> Watched:
    return browser.open(page.path.as_uri(), viewport={"width": 1200, "height": 900})


def test_the_cost_and_the_routes_of_the_front_are_chosen(browser: Watcher, routes: Page) -> None:
    seen = opened(browser, routes)
    page, front = seen.page, routes.analysis.fronts
    drawn = '[data-draw="pareto"]'
    assert "seconds per prediction" in (
        page.locator(f"{drawn} svg").first.get_attribute("aria-label") or ""
    )
    (timed,) = [f for f in front if f.cost == "latency_seconds"]
    assert page.locator(f"{drawn} path.full").count() == len(timed.points)
    page.locator('input[name="cost"][value="n_nonzero"]').check()
    assert "non-zero weights" in (
        page.locator(f"{drawn} svg").first.get_attribute("aria-label") or ""
    )
    before = page.locator(f"{drawn} path.full").count()
    page.locator('input[name="ways"][value="trained"]').uncheck()
    trained = sum(p.route == "trained" for f in front if f.cost == "n_nonzero" for p in f.points)
    assert trained > 0 and page.locator(f"{drawn} path.full").count() == before - trained
    assert page.locator(f"{drawn} path.front").count() == 1
    page.locator(f"{drawn} svg").first.focus()
    page.keyboard.press("Home")
    assert (
        "on the front of all models with probability" in page.locator(f"{drawn} .said").inner_text()
    )
    assert seen.complaints == [] and seen.requests == [routes.path.as_uri()]


def test_the_worth_of_a_regulariser_is_shown_with_its_interval(
    browser: Watcher, regularised: Page
) -> None:
    seen = opened(browser, regularised)
    page, drawn = seen.page, '[data-draw="regularisation"]'
    (found,) = regularised.analysis.regularisation
    assert page.locator(f"{drawn} h4").all_inner_texts() == ["dropout"]
    assert page.locator(f"{drawn} path.cell").count() == len(found.steps) == 6
    page.locator(f"{drawn} svg").focus()
    page.keyboard.press("Home")
    step = found.steps[0]
    said = page.locator(f"{drawn} .said").inner_text()
    assert "dropout 0.2 chosen on validation" in said
    assert f"saves {float(f'{100 * step.gain:.2g}'):g}%" in said
    row = page.locator("#regularisation tbody tr").inner_text()
    ((_, gain),) = found.by_data
    assert f"{100 * gain.gain:.0f}%" in row and np.isfinite(gain.low)
    assert seen.complaints == []


def test_what_is_not_bounded_has_no_bar_and_sets_no_limits(
    browser: Watcher, tmp_path: Path
) -> None:
    # One capacity without a pair, the others with one each: no spread, and so no intervals.
    table = regularised_rows(lambda dropout, width: (1,) if dropout and width == 4 else (0,))
    analysis = analyse(table, SETTINGS)
    path = tmp_path / "one.html"
    write_report(analysis, table, path)
    seen = opened(browser, Page(analysis, path))
    page, drawn = seen.page, '[data-draw="regularisation"]'
    assert page.locator(f"{drawn} path.cell.full").count() == 3
    assert page.locator(f"{drawn} path.whisker").count() == 0
    ticks = [t for t in page.locator(f"{drawn} svg text").all_text_contents() if t.endswith("%")]
    assert ticks and all(abs(float(t.rstrip("%"))) <= 25.0 for t in ticks)
    page.locator(f"{drawn} svg").focus()
    page.keyboard.press("Home")
    said = page.locator(f"{drawn} .said").inner_text()
    assert "saves 20% (too few pairs for an interval) over 0" in said
    assert seen.complaints == []


def test_every_cost_that_says_something_else_is_an_axis_of_the_figure() -> None:
    powers = {"flops_per_example": 1.3, "latency_seconds": 0.4, "energy_joules": 1.1,
              "model_bytes": 1.0, "peak_memory_bytes": 0.8}  # fmt: skip
    rows = []
    for k in range(6):
        size = 100.0 * 2**k
        costs = {name: 4.0 * size**power for name, power in powers.items()}
        rows += [{"n_parameters": size, "test_error": 0.05 + size**-0.5, **costs, "seed": s}
                 for s in range(2)]  # fmt: skip
    table = TrialTable.from_rows(rows)
    axes = drawings(analyse(table, SETTINGS), table, ())["axes"]
    assert [axis["name"] for axis in axes] == [
        "n_parameters", "flops_per_example", "latency_seconds", "energy_joules",
        "peak_memory_bytes",
    ]  # fmt: skip  # bytes are four times the parameters: the same picture
    assert all(len(axis["curves"][0]["cells"]["size"]) == 6 for axis in axes)
