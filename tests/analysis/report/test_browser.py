"""The page in a real browser: toggles, hover, keys, dark mode, a phone, paper, and no network."""

from __future__ import annotations

import pytest

from analysis.table.names import format_size
from analysis.words.reasons import interval
from tests.analysis.report.conftest import Written
from tests.support.browser import Watched, Watcher

DESKTOP = {"width": 1200, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(browser: Watcher, written: Written) -> Watched:
    return browser.open(written.path.as_uri(), viewport=DESKTOP)


def curve(part: str) -> str:
    return f'[data-draw="curve"] {part}'


def test_it_opens_without_a_complaint_or_a_request(opened: Watched, written: Written) -> None:
    page = opened.page
    assert page.locator(".verdict").inner_text() == written.analysis.sentence
    assert page.locator("[data-draw] svg").count() >= 8
    assert opened.complaints == []
    assert opened.requests == [written.path.as_uri()]


def test_names_do_not_run(opened: Watched, written: Written) -> None:
    assert opened.page.locator("h1").inner_text() == written.source.name
    assert opened.page.title() != "1"
    assert opened.page.locator("img").count() == 0


def test_a_dataset_size_is_switched_off_and_on(opened: Watched) -> None:
    page = opened.page
    assert page.locator(curve("path.line")).count() == 3
    page.locator('input[name="examples"][value="400"]').uncheck()
    assert page.locator(curve("path.line")).count() == 2
    assert page.locator('[data-draw="routes"] h4').all_inner_texts() == [
        "100 examples",
        "1,600 examples",
    ]
    page.locator('input[name="examples"][value="400"]').check()
    assert page.locator(curve("path.line")).count() == 3


def test_the_size_axis_the_rule_the_band_and_a_law_are_chosen(opened: Watched) -> None:
    page = opened.page
    before = page.locator(curve("svg")).get_attribute("aria-label") or ""
    marks = page.locator(curve(".payoff")).count()
    assert "parameters" in before and marks > 0
    page.locator('input[name="rule"][value="overfit"]').check()
    assert page.locator(curve(".payoff")).count() == 0
    page.locator('input[name="rule"][value="plateau"]').check()
    assert page.locator(curve(".payoff")).count() == marks
    page.locator('select[name="law"]').select_option("power_floor")
    assert page.locator(curve("path.law")).count() == 3
    page.locator('input[name="band"][value=""]').check()
    assert page.locator(curve("path.band")).count() == 0
    page.locator('input[name="axis"][value="1"]').check()
    after = page.locator(curve("svg")).get_attribute("aria-label") or ""
    assert "flops per example" in after
    assert "FLOPs per example" in page.locator("#axis-verdict").inner_text()
    assert opened.complaints == []


def test_routes_are_shown_on_request(opened: Watched) -> None:
    page = opened.page
    assert page.locator(curve("path.route")).count() == 0
    page.locator('input[name="extra"][value="pruned"]').check()
    assert page.locator(curve("path.route")).count() > 0
    lines = page.locator('[data-draw="routes"] path.line').count()
    page.locator('input[name="routes"][value="pruned"]').uncheck()
    assert page.locator('[data-draw="routes"] path.line').count() == lines // 2


def test_pointing_at_a_run_shows_its_trial(opened: Watched) -> None:
    page = opened.page
    page.locator(curve("circle.run")).first.hover(force=True)
    tip = page.locator(curve(".tip"))
    assert tip.is_visible()
    assert "seed" in tip.inner_text() or "mean test error" in tip.inner_text()
    page.locator("h1").hover()
    assert not tip.is_visible()


def test_pointing_at_a_star_shows_the_numbers_of_the_table(
    opened: Watched, written: Written
) -> None:
    page = opened.page
    point = written.analysis.fits[-1].verdict
    page.locator(curve(".payoff path.mark")).last.hover(force=True)
    text = page.locator(curve(".tip")).inner_text()
    assert f"Payoff point: {format_size(point.size)} parameters" in text
    assert interval(point.low, point.high, point.low_open, point.high_open) in text


def test_the_keyboard_reaches_every_point_and_says_it(opened: Watched) -> None:
    page = opened.page
    page.locator(curve("svg")).focus()
    page.keyboard.press("Home")
    said = page.locator(curve(".said"))
    first = said.inner_text()
    assert first.startswith("n1600-w2")
    page.keyboard.press("ArrowRight")
    assert said.inner_text() != first and page.locator(curve(".tip")).is_visible()
    page.keyboard.press("ArrowUp")
    assert said.inner_text().startswith(("n400", "Payoff"))
    page.keyboard.press("Escape")
    assert not page.locator(curve(".tip")).is_visible()


def test_focus_follows_the_page(opened: Watched) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#curve"
    names = page.evaluate(
        """[...document.querySelectorAll('svg[role=img], [role=region], input, select, button')]
        .filter(e => !(e.getAttribute('aria-label') || e.closest('label') || e.textContent))
        .length"""
    )
    assert names == 0
    assert page.evaluate(
        "[...document.querySelectorAll('fieldset')].every(e => e.querySelector('legend, label'))"
    )


def test_trials_are_filtered_sorted_and_paged(opened: Watched, written: Written) -> None:
    page = opened.page
    status = page.locator("#trial-table [role=status]")
    assert status.inner_text().startswith(f"{len(written.table)} of {len(written.table)} trials")
    page.locator("#trial-table input").fill("n1600 search")
    assert status.inner_text() == "24 of 361 trials, page 1 of 1"
    page.get_by_role("button", name="val error").click()
    column = page.locator("#trial-table thead th").all_inner_texts().index("val error")
    cells = page.locator(f"#trial-table tbody td:nth-child({column + 1})").all_inner_texts()
    assert [float(cell) for cell in cells] == sorted(float(cell) for cell in cells)
    page.locator("#trial-table input").fill("")
    page.get_by_role("button", name="Next").click()
    assert "page 2 of 15" in status.inner_text()


def test_dark_mode_is_dark_and_lines_stand_out(browser: Watcher, written: Written) -> None:
    opened = browser.open(written.path.as_uri(), viewport=DESKTOP, color_scheme="dark")
    seen = opened.page.evaluate(
        """() => {
          const light = (e, p) => {
            const c = document.createElement('canvas').getContext('2d');
            c.fillStyle = getComputedStyle(e)[p]; c.fillRect(0, 0, 1, 1);
            const [r, g, b] = c.getImageData(0, 0, 1, 1).data;
            return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
          };
          const lines = [...document.querySelectorAll('[data-draw=curve] path.line')];
          return [light(document.body, 'backgroundColor'), light(document.body, 'color'),
                  lines.map(e => light(e, 'stroke'))];
        }"""
    )
    paper, ink, lines = seen
    assert paper < 0.15 and ink > 0.8
    assert min(lines) > paper + 0.2
    assert lines == sorted(lines)


def test_a_phone_shows_it_whole(browser: Watcher, written: Written) -> None:
    opened = browser.open(written.path.as_uri(), viewport=PHONE, is_mobile=True, has_touch=True)
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(curve("path.cell")).first.scroll_into_view_if_needed()
    page.locator(curve("path.cell")).first.tap(force=True)
    tip = page.locator(curve(".tip"))
    assert tip.is_visible()
    box = tip.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert opened.complaints == []


def test_paper_has_the_figures_and_no_controls(opened: Watched) -> None:
    page = opened.page
    page.emulate_media(media="print", color_scheme="light")
    assert page.locator(curve("svg")).is_visible()
    assert not page.locator("nav").is_visible()
    assert not page.locator("#curve .controls").is_visible()
    assert page.pdf(format="A4")[:4] == b"%PDF"


def test_sizes_are_written_as_python_writes_them(opened: Watched) -> None:
    sizes = [10 ** (k / 7) for k in range(-20, 95)] + [999.4, 999.6, 1e6, 99.95, 0.0123]
    assert opened.page.evaluate("sizes => sizes.map(formatSize)", sizes) == [
        format_size(size) for size in sizes
    ]
