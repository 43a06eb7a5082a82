"""The example notebooks run from top to bottom, and are stored with their outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import environment

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    (tmp_path / "payoff").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m study.cli "$@"\n')
    (tmp_path / "payoff").chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from docs.notebooks.execute import execute; "
        "execute(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / path.name)],
        env=environment(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ran, stored = (json.loads(p.read_text())["cells"] for p in (tmp_path / path.name, path))
    assert [cell["source"] for cell in ran] == [cell["source"] for cell in stored]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_its_outputs_and_no_path(path: Path) -> None:
    text = path.read_text()
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    assert sum("image/png" in json.dumps(cell["outputs"]) for cell in cells) >= 1
    for word in ("/tmp/", "/home/", "Traceback"):
        assert word not in text


def test_there_are_three_notebooks() -> None:
    assert len(NOTEBOOKS) == 3
