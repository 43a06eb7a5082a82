"""Every block of the tutorial works as it is written, one after the other in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, commands, run


@pytest.mark.slow
def test_the_tutorial_works_from_top_to_bottom(tmp_path: Path, environment: dict[str, str]) -> None:
    ran = 0
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
        elif not block.language:
            for command in commands(block):
                run(command, tmp_path, environment)
                ran += 1
    assert ran >= 9
    assert (tmp_path / "paper" / "macros.tex").is_file()
    assert (tmp_path / "curve.png").is_file()
