"""The page without a browser: one file, safe, exact, the same bytes twice, small."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from analysis import AnalysisSettings, TrialTable, analyse
from analysis.report import report_html, write_report
from analysis.report.checks import hold_out, law_fits, misses
from analysis.words.told import capital
from analysis.words.tuning import POOLED, tuned_enough
from analysis.words.verdicts import mark
from tests.analysis.report.conftest import HOSTILE, Written, report_rows
from tests.support.tables import study_rows

PARTS = [
    "curve", "payoff", "checks", "tuning", "effects", "routes", "pruning", "learning", "failures",
    "costs", "trials", "made",
]  # fmt: skip


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, text of data scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, str] = {}
        self._script = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = str(dict(attrs).get("id", "")) if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._script:
            self.data[self._script] = self.data.get(self._script, "") + data


@pytest.fixture(scope="module")
def page(written: Written) -> Page:
    return Page(written.path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_part_is_there_with_a_heading_and_a_link(page: Page) -> None:
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    links = [str(a["href"]) for tag, a in page.tags if tag == "a"]
    assert sections == PARTS
    assert links == ["#curve", *(f"#{name}" for name in PARTS)]
    titles = {a["id"] for tag, a in page.tags if tag == "h2"}
    assert titles == {f"{name}-title" for name in PARTS}


def test_the_numbers_are_those_of_the_analysis(page: Page, written: Written) -> None:
    assert json.loads(page.data["analysis"]) == written.analysis.to_json()
    drawn = json.loads(page.data["drawings"])
    marks = [one for curve in drawn["axes"][0]["curves"] for one in curve["marks"]]
    points = [point for fit in written.analysis.fits for point in fit.payoffs]
    assert [one.pop("told") for one in marks] == [mark(point) for point in points]
    assert marks == written.analysis.to_json()["payoff"]
    errors = drawn["trials"]["columns"]["test_error"]
    assert errors == [None if np.isnan(e) else e for e in written.table.test_error.tolist()]


def test_nothing_is_loaded_from_anywhere(page: Page, written: Written) -> None:
    addresses = [
        (tag, value)
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset", "data") and not str(value).startswith("#")
    ]
    assert addresses == [("link", "data:,")]
    text = written.path.read_text(encoding="utf-8")
    assert not re.search(r"url\(\s*['\"]?(?!#)", text.partition('id="analysis"')[0])
    assert "default-src 'none'" in text


def test_names_cannot_break_out(page: Page, written: Written) -> None:
    text = written.path.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert not [a for tag, a in page.tags if tag == "img"]
    assert text.count("</script>") == 3
    drawn = json.loads(page.data["drawings"])
    assert HOSTILE in drawn["trials"]["words"]["cell"]


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes(written: Written, tmp_path: Path) -> None:
    again = analyse(written.table, written.analysis.settings)
    write_report(again, written.table, tmp_path / "again.html", written.source)
    assert (tmp_path / "again.html").read_bytes() == written.path.read_bytes()


def test_a_bare_table_of_sizes_and_errors_has_a_page() -> None:
    rows = [{"n_parameters": 10.0 * 2**k, "test_error": 0.5 / 1.2**k} for k in range(7)]
    table = TrialTable.from_rows(rows)
    page = Page(report_html(analyse(table, AnalysisSettings(resamples=200)), table))
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    assert sections == ["curve", "payoff", "checks", "failures", "trials", "made"]


def test_one_size_has_a_page_that_says_why_nothing_can_be_told() -> None:
    table = TrialTable.from_rows([{"n_parameters": 10.0, "test_error": 0.5}] * 3)
    text = report_html(analyse(table, AnalysisSettings(resamples=200)), table)
    assert "there is only one size" in text and "fewer than 5 sizes would remain" in text


def test_five_thousand_trials_are_under_three_megabytes() -> None:
    rng = np.random.default_rng(0)
    rows = study_rows()
    for k in range(5000 - len(rows)):
        names = ("learning_rate", "weight_decay", "dropout", "l1", "momentum")
        rows.append(
            {
                "slot": f"search-{k}",
                "cell": f"n100-w{2 ** (1 + k % 8)}-depth1-heads4",
                "phase": "search",
                "n_examples": 100,
                "width": 2 ** (1 + k % 8),
                "depth": 1,
                "seed": int(rng.integers(2**31)),
                "n_parameters": 75.0 * 2 ** (1 + k % 8) + 10,
                "val_error": float(rng.random()),
                "test_error": float(rng.random()),
                "wall_seconds": float(rng.random()),
                "params": {name: float(rng.random()) for name in names},
            }
        )
    table = TrialTable.from_rows(rows)
    text = report_html(analyse(table, AnalysisSettings(resamples=200)), table)
    assert len(table) == 5000
    assert len(text.encode()) < 3_000_000


def test_what_is_held_out_is_not_seen_by_the_forecast(written: Written) -> None:
    for fit in written.analysis.fits:
        check = hold_out(fit, 0.9)
        cells = check.cells
        assert check.why is None
        assert len(cells) == 2 and all(cell.low < cell.high for cell in cells)
        assert check.shown_up_to < min(cell.size for cell in cells)
        assert max(cell.size for cell in cells) == fit.curve.size[-1]
        logs = [np.log(cell.forecast / cell.measured) for cell in cells]
        assert check.error == pytest.approx(float(np.sqrt(np.mean(np.square(logs)))))


def test_misses_and_laws_are_of_the_points_drawn(written: Written) -> None:
    fit = written.analysis.fits[-1]
    for one, size, error in zip(misses(fit), fit.curve.size, fit.curve.error, strict=True):
        assert one["ratio"] * float(fit.predict(size)) == pytest.approx(error)
        assert one["spread"] > 0.0
    laws = law_fits(fit)
    assert sum(law["weight"] for law in laws) == pytest.approx(1.0)
    assert max(laws, key=lambda law: law["weight"])["name"] != "power"  # the curve has a floor


def test_a_study_whose_winners_are_of_a_model_of_all_trials_has_a_page_that_says_so() -> None:
    rows = report_rows()
    for row in rows:
        if row.get("phase") != "search":
            row["params"] = {"learning_rate": 0.0123, "dropout": 0.123}
    table = TrialTable.from_rows(rows)
    analysis = analyse(table, AnalysisSettings(resamples=100))
    assert analysis.tuning is not None and analysis.tuning.elsewhere
    part = report_html(analysis, table).partition('id="tuning"')[2].partition("</section>")[0]
    assert capital(POOLED) in part and "best validation error" in part
    assert "last doubling" not in part
    assert tuned_enough((), elsewhere=True) == POOLED != tuned_enough(())
