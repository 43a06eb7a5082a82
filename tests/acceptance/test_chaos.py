"""A short form of ``benchmarks/chaos.py``: a study that is harmed in every way ends whole."""

from __future__ import annotations

import json

import pytest

from benchmarks.chaos import main


@pytest.mark.slow
@pytest.mark.database
def test_a_study_that_is_harmed_for_a_minute_ends_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The lost Ray node has a test of its own, with the same study: tests/study/launch.
    assert main(["--minutes", "1", "--workers", "3", "--rate", "1", "--no-ray"]) == 0
    figures, said = capsys.readouterr().out.splitlines()
    assert json.loads(figures)["mlflow_kills"] == json.loads(figures)["postgresql_restarts"] == 2
    assert said.startswith("whole: ")
