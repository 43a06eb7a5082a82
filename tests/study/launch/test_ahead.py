"""Workers that are started before there is anything to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.launch.engines.local import Local
from study.places import Places
from study.spec.study_file import load_spec, parse_spec
from tests.support.waiting import FAR_AWAY


@pytest.mark.slow
def test_they_wait_for_their_start_and_leave_nothing_when_not_needed(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text("[run]\nworkers = 2\npatience = 0\n")
    engine = Local()
    engine.get_ready(load_spec(file), str(file), Places(tmp_path / "mlruns"))
    workers = list(engine.ahead)
    try:
        assert len(workers) == 2
        begun, waiting = workers
        begun.begin()
        assert begun.process.wait(FAR_AWAY) == 2  # there is nothing to do: no study was started
        assert waiting.process.poll() is None
    finally:
        engine.close()
    assert engine.ahead == []
    assert all(worker.process.returncode is not None for worker in workers)
    assert list((tmp_path / "mlruns" / "logs").rglob("*.log")) == [begun.log]


def test_where_they_cannot_be_started_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("a file where a folder should be")
    spec = parse_spec({}, base=tmp_path)
    engine = Local()
    engine.get_ready(spec, None, Places(tmp_path / "mlruns"))
    assert engine.ahead == []
