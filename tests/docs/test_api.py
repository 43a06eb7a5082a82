"""The API reference is built from the docstrings, with nothing that pdoc warns of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_api_reference_is_built(tmp_path: Path) -> None:
    pytest.importorskip("pdoc", reason="pdoc is not installed: pip install '.[docs]'")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(ROOT / "docs" / "api.py"), str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "analysis.html").read_text()
    for name in ("fit_curve", "analyse", "TrialTable"):
        assert f'id="{name}"' in page
    assert (tmp_path / "study" / "spec.html").is_file()
    assert (tmp_path / "search_spaces" / "domains.html").is_file()
