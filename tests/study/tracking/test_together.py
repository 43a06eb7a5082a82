"""Runs that are written a hundred at a time: each stands once, whenever the process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study.tracking.delivery import deliver_all
from study.tracking.rows import RunRows
from study.tracking.spool import Spool
from study.tracking.tracker import Tracker
from tests.support.records import make_record
from tests.support.tracking import assert_exactly_once, tracker, trial_runs

KILLED = """
import os, signal, sys
from pathlib import Path
from study.tracking import trial_runs
from study.tracking.delivery import TrackerThread
from study.tracking.spool import Spool
from tests.support.tracking import tracker

def end(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

folder, moment = Path(sys.argv[1]), sys.argv[2]
if moment == "between the write and its note":
    Spool.leave = end
else:
    save, saved = trial_runs.save, []
    def save_some(artifacts, text):
        saved.append(artifacts)
        return end() if len(saved) == 60 else save(artifacts, text)
    trial_runs.save = save_some
TrackerThread(tracker(folder), Spool(folder / "spool"))._run()
"""


@pytest.mark.parametrize("moment", ["between the write and its note", "within the write"])
def test_a_kill_leaves_each_run_to_be_written_once(
    ready: Tracker, store: Path, moment: str
) -> None:
    records = [make_record(number) for number in range(150)]
    spool = Spool(store / "spool")
    for start in range(0, len(records), 30):
        spool.put_together(records[start : start + 30])
    words = [sys.executable, "-c", KILLED, str(store), moment]
    killed = subprocess.run(words, cwd=Path(__file__).parents[3])
    assert killed.returncode == -signal.SIGKILL
    assert spool.waiting() == 150
    written = len(trial_runs(ready.address))
    assert written == (120 if moment == "between the write and its note" else 1)

    again = tracker(store)
    report = deliver_all(again, spool)

    assert (report.waiting, report.logged, report.already_there) == (0, 150 - written, written)
    assert_exactly_once(ready.address, records)


def test_a_hundred_runs_take_one_commit(
    ready: Tracker, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    made = RunRows.__init__

    def listening(self: RunRows, file: Path, experiment_id: str) -> None:
        made(self, file, experiment_id)
        self._store.set_trace_callback(said.append)

    monkeypatch.setattr(RunRows, "__init__", listening)
    records = [make_record(number) for number in range(101)]
    spool = Spool(store / "spool")
    spool.put_together(records)
    assert deliver_all(ready, spool).logged == 101
    assert said.count("COMMIT") == 2  # the first run stands alone, until it was read back
    assert_exactly_once(ready.address, records)


def test_of_two_records_of_a_trial_the_later_is_written(ready: Tracker) -> None:
    failed, well, other = make_record(1, status="failed"), make_record(1), make_record(2)
    assert len(ready.deliver_together([failed, other, well])) == 2
    assert_exactly_once(ready.address, [well, other])
    assert ready.missing([well, other]) == []


def test_trials_that_have_a_run_are_left_to_be_looked_at_one_by_one(ready: Tracker) -> None:
    first, second = make_record(1), make_record(2)
    ready.deliver(first)
    assert len(ready.deliver_together([first, second])) == 1
    assert ready.deliver_together([first, second]) == set()
    assert_exactly_once(ready.address, [first, second])


def test_where_a_client_has_to_write_nothing_is_written_together(ready: Tracker) -> None:
    ready.runs._as_rows = False
    assert ready.deliver_together([make_record(1), make_record(2)]) == set()
    assert trial_runs(ready.address) == []
