"""A short form of ``benchmarks/chaos.py``: a study that is harmed in every way ends whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_study_that_is_harmed_for_a_minute_ends_whole() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "study"))
    from databases import postgres_binaries

    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL on this machine, and no package pgserver")
    # The lost Ray node has a test of its own, with the same study: tests/study/launch.
    words = ["--minutes", "1", "--workers", "3", "--rate", "1", "--no-ray"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "chaos.py"), *words],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "whole" in done.stdout
