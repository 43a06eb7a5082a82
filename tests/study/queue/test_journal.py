"""The journal file survives torn lines, full disks and killed lock holders."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.study import StudyDirection

from study.queue.journal import LocalJournal, LocalStorage, append, cut_torn_line


def lines(path: Path) -> list[dict[str, int]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_logs_are_appended_as_one_json_line_each(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    append(path, [{"a": 1}, {"b": 2}], durable=True)
    append(path, [{"c": 3}], durable=False)
    assert lines(path) == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize("torn", ['{"b": ', "x" * 200_000])
def test_a_torn_last_line_is_cut_before_the_next_one(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "journal"
    append(path, [{"a": 1}], durable=True)
    with path.open("a") as file:
        file.write(torn)
    append(path, [{"c": 3}], durable=True)
    assert lines(path) == [{"a": 1}, {"c": 3}]


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"a"')
    with path.open("ab+", buffering=0) as file:
        cut_torn_line(file)
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    append(path, [{"a": 1}], durable=True)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from study.queue.journal import append\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        f"    append(Path({str(path)!r}), [{{'b': 'x' * 500}}], durable=True)\n"
        "except OSError: sys.exit(7)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7
    assert lines(path) == [{"a": 1}]


def test_a_killed_holder_of_the_lock_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    program = (
        "import signal; from pathlib import Path; from study.queue.journal import locked\n"
        f"with locked(Path({str(path)!r})):\n"
        "    print('held', flush=True); signal.pause()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where anybody would wait
    append(path, [{"a": 1}], durable=True)
    assert lines(path) == [{"a": 1}]


def test_optuna_reads_what_the_local_journal_wrote(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ours = LocalStorage(path)
    study_id = ours.create_new_study([StudyDirection.MINIMIZE], "one")
    ours.create_new_trial(study_id)
    from optuna.storages.journal import JournalFileBackend

    theirs = JournalStorage(JournalFileBackend(str(path)))
    assert theirs.get_study_id_from_name("one") == study_id
    assert theirs.get_n_trials(study_id) == 1
    assert isinstance(ours.journal, LocalJournal)
