"""Shapes on the page: the best at each cost, the networks to take, and each curve by its shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pytest

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.report import report_html, write_report
from analysis.report.drawings import drawings
from analysis.report.markup import count
from analysis.words.kinds import notes
from tests.support.browser import Watched, Watcher
from tests.support.tables import shaped_rows, study_rows

SETTINGS = AnalysisSettings(resamples=200)


@dataclass(frozen=True)
class Page:
    """A report with its analysis."""

    analysis: StudyAnalysis
    table: TrialTable
    path: Path


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Page:
    table = TrialTable.from_rows(shaped_rows())
    analysis = analyse(table, SETTINGS)
    path = tmp_path_factory.mktemp("shapes") / "shapes.html"
    write_report(analysis, table, path)
    return Page(analysis, table, path)


def test_the_section_tells_what_was_found_and_which_network_to_take(shaped: Page) -> None:
    text = shaped.path.read_text(encoding="utf-8")
    part = text.partition('<section id="shapes"')[2].partition("</section>")[0]
    assert '<a href="#shapes">Shapes</a>' in text
    for said in notes(shaped.analysis.findings, "shapes"):
        assert escape(said) in part
    last = shaped.analysis.shapes[-1]
    for budget in last.budgets:
        assert f"<td>width {budget.grown:g}, {budget.shape}</td>" in part
    start = next(step for step in last.steps if step.axis == "depth")
    assert f"<td>width 4, depth {start.now}</td>" in part
    for words in ("told best", "The network to take within a budget", "Every step that was tried"):
        assert words in part


def test_what_is_drawn_is_what_was_found(shaped: Page) -> None:
    drawn = drawings(shaped.analysis, shaped.table, ())
    assert [name for name, _ in drawn["shapes"]["costs"]] == [
        "n_parameters", "flops_per_example", "latency_seconds",
    ]  # fmt: skip
    for study, one in zip(drawn["shapes"]["studies"], shaped.analysis.shapes, strict=True):
        for choices, found in (
            (study["choices"]["n_parameters"], one.choices),
            (study["choices"]["latency_seconds"], one.costs[-1].choices),
        ):
            taken = [(drawn["shapes"]["shapes"][c["shape"]], c["standing"]) for c in choices]
            assert taken == [(c.shape, c.standing) for c in found]
    curve = drawn["axes"][0]["curves"][-1]
    assert drawn["axes"][0]["shapes"] == ["depth 1", "depth 2", "depth 4"]
    assert [one["shape"] for one in curve["ladders"]] == [0, 1, 2] and len(curve["shape"]) == 18


@pytest.mark.slow
def test_the_same_study_has_the_same_page(shaped: Page, tmp_path: Path) -> None:
    write_report(analyse(shaped.table, SETTINGS), shaped.table, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == shaped.path.read_bytes()


def test_a_study_of_one_shape_has_no_such_section() -> None:
    table = TrialTable.from_rows(study_rows())
    text = report_html(analyse(table, SETTINGS), table)
    assert 'id="shapes"' not in text and 'data-draw="shape-map"' not in text
    data = text.partition('id="drawings">')[2].partition("</script>")[0]
    assert "shapes" not in json.loads(data)


@pytest.mark.slow
def test_losses_are_compared_in_their_own_units() -> None:
    rows = [row | {"test_error": 10.0 * float(str(row["test_error"]))} for row in shaped_rows()]
    table = TrialTable.from_rows(rows)
    analysis = analyse(table, SETTINGS, metric="nats", better="lower")
    assert analysis.shapes
    data = drawings(analysis, table, ())
    assert data["linear"]
    choice = data["shapes"]["studies"][-1]["choices"]["n_parameters"][-1]
    place, more, low, high, _ = choice["others"][0]
    assert 0.0 < low < more < high < 0.2 and place != choice["shape"]
    assert report_html(analysis, table)


def test_dataset_sizes_are_whole_numbers() -> None:
    assert (count(80.0), count(1280.0), count(0.3)) == ("80", "1,280", "0.3")
    rows = [row | {"n_examples": 1.0 * float(str(row["n_examples"]))} for row in shaped_rows()]
    rows = [row | {"wall_seconds": 1.5} for row in rows]
    table = TrialTable.from_rows(rows)
    page = report_html(analyse(table, SETTINGS), table).partition('id="analysis"')[0]
    assert "200.0" not in page and "800.0" not in page


def opened(browser: Watcher, page: Page, **viewport: int) -> Watched:
    return browser.open(page.path.as_uri(), viewport=viewport or {"width": 1200, "height": 900})


def test_the_cost_is_chosen_and_every_point_is_told(browser: Watcher, shaped: Page) -> None:
    seen = opened(browser, shaped)
    page, drawn = seen.page, '[data-draw="best-shape"]'
    assert page.locator(f"{drawn} h4").all_inner_texts() == ["200 examples", "800 examples"]
    strips = sum(len(one.spans) for one in shaped.analysis.shapes)
    assert page.locator(f"{drawn} rect.strip").count() == strips
    points = sum(len(c.others) for one in shaped.analysis.shapes for c in one.choices)
    assert page.locator(f"{drawn} path.cell").count() == points + 6  # those of two legends
    page.locator('input[name="shapecost"][value="latency_seconds"]').check()
    assert "seconds per prediction" in (
        page.locator(f"{drawn} svg").first.get_attribute("aria-label") or ""
    )
    by_cost = sum(len(one.costs[-1].spans) for one in shaped.analysis.shapes)
    assert page.locator(f"{drawn} rect.strip").count() == by_cost
    page.locator(f"{drawn} svg").last.focus()
    page.keyboard.press("Home")
    said = page.locator(f"{drawn} .said").last.inner_text()
    assert "Seconds per prediction" in said and "probability" in said
    page.locator('input[name="examples"][value="200"]').uncheck()
    assert page.locator(f"{drawn} h4").all_inner_texts() == ["800 examples"]
    assert seen.complaints == [] and seen.requests == [shaped.path.as_uri()]


def test_the_map_and_the_curves_show_the_shapes(browser: Watcher, shaped: Page) -> None:
    seen = opened(browser, shaped)
    page = seen.page
    assert page.locator('[data-draw="shape-map"] rect.field').count() == 18
    assert page.locator('[data-draw="shape-map"] circle.stop').count() >= 6
    page.locator('[data-draw="shape-map"] svg').focus()
    page.keyboard.press("End")
    assert "on its curve" in page.locator('[data-draw="shape-map"] .said').inner_text()
    faint = page.locator('[data-draw="curve"] path.faint')
    assert faint.count() == 6
    page.locator('input[name="extra"][value="ladders"]').uncheck()
    assert faint.count() == 0
    assert seen.complaints == []


def test_a_phone_shows_the_shapes_whole(browser: Watcher, shaped: Page) -> None:
    seen = opened(browser, shaped, width=390, height=844)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert seen.page.locator('[data-draw="shape-map"] rect.field').count() == 18
    budgets = seen.page.locator('#shapes > .scroll[aria-label^="The network to take"]')
    assert budgets.evaluate("host => host.scrollWidth - host.clientWidth") <= 0
    assert seen.complaints == []
