"""The pages build to a site: whole, without a warning, and without the network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import payoff
from tests.support.browser import Watcher
from tests.support.commands import environment

ROOT = Path(__file__).parents[2]
FIRST = "index.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a broken link or anchor, or an unreadable docstring, fails here."""
    pytest.importorskip("mkdocstrings", reason="builds the pages: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    build = ["build", "--quiet", "--strict", "-f", str(ROOT / "docs" / "site" / "mkdocs.yml")]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *build, "-d", str(folder)],
        env=environment(NO_MKDOCS_2_WARNING="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.mark.slow
def test_every_page_and_notebook_is_there(site: Path) -> None:
    pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    docs = ROOT / "docs"
    sources = {path.stem for path in docs.glob("*.md")}
    sources |= {f"notebooks/{path.stem}" for path in (docs / "notebooks").glob("*.ipynb")}
    assert pages == sources | {"404", "benchmarks", "changelog"}
    for path in (docs / "notebooks").glob("*.ipynb"):
        assert '<img alt="What the cell draws"' in (
            (site / "notebooks" / f"{path.stem}.html").read_text()
        )


@pytest.mark.slow
def test_the_reference_holds_every_public_name(site: Path) -> None:
    page = (site / "reference.html").read_text()
    for name in set(payoff.__all__) - {"__version__", "plots"}:
        assert f'id="payoff.{name}"' in page, name
    for name in payoff.plots.__all__:
        assert f"plots.{name}" in page, name
    assert not re.search(r":(func|class|meth|mod):", page)


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        loaded = re.findall(r'(?:src|<link[^>]*href)="(https?:[^"]+)"', path.read_text())
        assert loaded == [], path


@pytest.mark.slow
def test_the_first_page_answers_in_one_screen(site: Path, browser: Watcher) -> None:
    watched = browser.open(
        (site / FIRST).as_uri(), viewport={"width": 1440, "height": 900}, color_scheme="dark"
    )
    page = watched.page
    for what in (
        "h1",
        "code >> text=payoff run",
        "img[alt^='Test error']",
        "blockquote",
        "text=Next",
    ):
        box = page.locator(f"article >> {what}").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, what
    assert watched.strangers("file:") == []
    assert watched.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index", "reference", "study-file", "decisions", "tutorial"])
def test_pages_fit_a_phone(site: Path, browser: Watcher, name: str) -> None:
    watched = browser.open((site / f"{name}.html").as_uri(), viewport={"width": 390, "height": 844})
    assert watched.page.evaluate("document.documentElement.scrollWidth") == 390
    assert watched.strangers("file:") == []
