"""The page of every study-file key is what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.commands import environment

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_keys_is_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, str(DOCS / "study_file.py")],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    ).stdout
    assert made == (DOCS / "study-file.md").read_text(), "run: python docs/study_file.py --write"


def test_the_page_names_every_key_of_a_new_file() -> None:
    from study.spec.writing import study_file

    page = (DOCS / "study-file.md").read_text()
    for line in study_file("digits", name="x").splitlines():
        key, equals, _ = line.partition(" = ")
        if equals and not line.startswith("#"):
            assert f"| {key} |" in page, key


def test_the_defaults_of_the_page_are_those_of_a_file_that_leaves_them_out() -> None:
    from study.spec.study_file import parse_spec

    left_out = parse_spec({}, base=Path())
    page = (DOCS / "study-file.md").read_text()
    search = page.partition("## [search]")[2].partition("## [")[0]
    assert f"| trials | whole number | `{left_out.search.trials}` |" in search
