"""Every relative link of the pages leads to a file of the repository, and to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.house import ROOMS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").glob("*.md"),
    )
)
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*<?(\S+?)>?\s*$|(?:href|src)=\"([^\"]+)\"", re.M
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def text_of(markdown: str) -> str:
    """The page without code, in which brackets mean something else."""
    fenced = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", fenced)


def links(markdown: str) -> list[str]:
    """Relative links and anchors of a page."""
    found = ["".join(groups) for groups in LINK.findall(text_of(markdown))]
    return [unquote(link) for link in found if not ELSEWHERE.match(link)]


def anchors(markdown: str) -> set[str]:
    """Names of a page's headings, as GitHub makes them."""
    fenced = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.M | re.S)
    seen: dict[str, int] = {}
    names = set(re.findall(r"(?:id|name)=\"([^\"]+)\"", fenced))
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", fenced, re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = seen[name] = seen.get(name, -1) + 1
        names.add(f"{name}-{count}" if count else name)
    return names


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    broken = []
    for link in links(path.read_text(encoding="utf-8")):
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert not broken


def test_contributing_names_every_room_and_only_files_that_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tree = page.partition("## The house")[2].partition("### To add")[0]
    for room in ROOMS:
        name = room.rpartition(".")[2]
        assert re.search(rf"\b{name}(/|\.py)", tree), f"{room} is not in the tree"
    named = re.findall(r"`((?:study|analysis|search_spaces|tests|docs)/[\w./]+)`", page)
    assert len(named) > 15
    missing = [place for place in named if "NAME" not in place and not (ROOT / place).exists()]
    assert missing == []


def test_the_links_and_headings_of_a_page_are_found() -> None:
    page = """# A page: with `code` & more
[one](a.md) and [two
lines](b.md#there "title"), ![picture](c.png) [out](https://example.org) [mail](mailto:a@b.org)
`[not](this.md)`
```
[nor](that.md)
# no heading
```
## Twice
## Twice
[three]: d.md
<a href="e.md#x">e</a>
"""
    assert links(page) == ["a.md", "b.md#there", "c.png", "d.md", "e.md#x"]
    assert anchors(page) == {"a-page-with-code--more", "twice", "twice-1"}


def test_the_readme_is_among_the_pages() -> None:
    assert {"README.md", "docs/tutorial.md", "docs/decisions.md"} <= set(PAGES)
    assert len(links((ROOT / "README.md").read_text(encoding="utf-8"))) > 5
