"""Workers that are started before there is anything to do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from study.launch.engines.local import Local
from study.places import Places
from study.spec.study_file import parse_spec


@pytest.mark.slow
def test_they_wait_for_their_start_and_leave_nothing_when_not_needed(tmp_path: Path) -> None:
    spec = parse_spec({"run": {"workers": 2}}, base=tmp_path)
    engine = Local()
    engine.get_ready(spec, None, Places(tmp_path / "mlruns"))
    workers = list(engine.ahead)
    try:
        assert len(workers) == 2
        time.sleep(1.0)
        assert [worker.process.poll() for worker in workers] == [None, None]
    finally:
        engine.close()
    assert engine.ahead == []
    assert all(worker.process.returncode is not None for worker in workers)
    assert list((tmp_path / "mlruns" / "logs").rglob("*.log")) == []


def test_where_they_cannot_be_started_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("a file where a folder should be")
    spec = parse_spec({}, base=tmp_path)
    engine = Local()
    engine.get_ready(spec, None, Places(tmp_path / "mlruns"))
    assert engine.ahead == []
