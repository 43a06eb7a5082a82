"""A finished trial on disk survives what happens to processes, files and disks."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study.errors import StorageError
from study.record import TrialRecord
from study.tracking.spool import BROKEN, Spool
from tests.support.commands import environment
from tests.support.records import make_record


def test_a_record_comes_back_as_it_was_put(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new" / "spool")
    record = make_record(1)
    spool.put(record)
    assert list(spool.pending()) == [record]
    assert spool.waiting() == 1


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    records = [make_record(i) for i in (3, 1, 2)]
    for age, record in enumerate(records):
        os.utime(spool.put(record), ns=(age, age))
    assert list(spool.pending()) == records


def test_an_empty_or_missing_folder_has_nothing_pending(tmp_path: Path) -> None:
    assert list(Spool(tmp_path).pending()) == []
    assert Spool(tmp_path / "missing").waiting() == 0
    assert Spool(tmp_path / "missing").broken() == 0
    assert list(Spool(tmp_path / "missing").pending()) == []


def test_a_trial_run_again_replaces_its_own_record(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(make_record(1, trial=4))
    again = make_record(1, trial=9)
    spool.put(again)
    assert list(spool.pending()) == [again]


def test_slots_that_look_alike_as_file_names_stay_apart(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    slots = ["a/b", "a b", "a-b", "../a-b", "a" * 300, "a" * 301, "ü", "ö"]
    for slot in slots:
        spool.put(make_record(1, slot=slot))
    assert sorted(record.slot for record in spool.pending()) == sorted(slots)
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*.json"))


def test_done_removes_exactly_that_record(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first, second = make_record(1), make_record(2)
    spool.put(first)
    spool.put(second)
    spool.done(first)
    spool.done(first)
    assert list(spool.pending()) == [second]


def test_done_keeps_a_newer_record_of_the_same_trial(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    failed = make_record(1, status="failed", reason="out of memory")
    well = make_record(1)
    spool.put(failed)
    spool.put(well)
    spool.done(failed)
    assert list(spool.pending()) == [well]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"study": 1, "curve": {}}'],
    ids=["empty", "cut", "list", "null", "no fields", "not text", "wrong fields"],
)
def test_what_is_no_record_is_moved_aside_and_counted(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path)
    good = make_record(1)
    spool.put(good)
    (tmp_path / "foreign.json").write_bytes(content)
    assert list(spool.pending()) == [good]
    assert spool.broken() == 1
    assert spool.waiting() == 1
    aside = sorted((tmp_path / BROKEN).iterdir())
    assert [path.read_bytes() for path in aside if path.suffix == ".json"] == [content]
    (reason,) = (path.read_text() for path in aside if path.suffix == ".txt")  # said beside it
    assert reason.strip()


def test_a_record_cut_short_by_hand_is_moved_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    path = spool.put(make_record(1))
    path.write_text(path.read_text()[:-20])
    assert list(spool.pending()) == []
    assert spool.broken() == 1


def test_a_copy_under_another_name_is_not_delivered_twice(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    path = spool.put(make_record(1))
    path.with_name("copy.json").write_text(path.read_text())
    assert len(list(spool.pending())) == 1


def test_a_refused_record_is_kept_with_the_reason(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    record = make_record(1)
    spool.put(record)
    spool.reject(record, "bad value at postgresql://anna:hunter22@db")
    assert spool.waiting() == 0
    assert spool.broken() == 1
    reasons = [path.read_text() for path in (tmp_path / BROKEN).glob("*.reason.txt")]
    assert reasons == ["bad value at postgresql://anna:***@db\n"]


def test_one_process_at_a_time_may_drain(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with spool.drain_lock() as mine, Spool(tmp_path).drain_lock() as second:
        assert mine
        assert not second
    with spool.drain_lock() as again:
        assert again


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    program = (
        "import signal, sys; from study.tracking.spool import Spool\n"
        "with Spool(sys.argv[1]).drain_lock() as mine:\n"
        "    print(mine, flush=True); signal.pause()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with Spool(tmp_path).drain_lock() as mine:
            assert not mine
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with Spool(tmp_path).drain_lock() as mine:
        assert mine


def test_leftovers_of_killed_writers_go_once_they_are_old(tmp_path: Path) -> None:
    old, young = tmp_path / ".writing-old", tmp_path / ".writing-young"
    old.write_text("{")
    os.utime(old, (1, 1))
    young.write_text("{")
    with Spool(tmp_path).drain_lock():
        assert not old.exists()
        assert young.exists()
    assert list(Spool(tmp_path).pending()) == []


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spool = Spool(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*make room") as caught:
        spool.put(make_record(1))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Not a directory"):
        Spool(tmp_path / "file" / "spool").put(make_record(1))


def test_the_destination_is_kept_without_its_password(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.destination() == ""
    spool.remember("https://anna:hunter22@mlflow.example.org")
    assert Spool(tmp_path).destination() == "https://anna:***@mlflow.example.org"
    assert spool.waiting() == 0


def test_a_writer_killed_at_any_moment_leaves_whole_records_only(tmp_path: Path) -> None:
    program = (
        "import sys; from study.tracking.spool import Spool\n"
        "from tests.support.records import make_record\n"
        "spool = Spool(sys.argv[1]); print('go', flush=True)\n"
        "[spool.put(make_record(i)) for i in range(100000)]\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        while Spool(tmp_path).waiting() < 20:
            assert writer.poll() is None
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    records = list(Spool(tmp_path).pending())
    assert len(records) >= 20
    assert Spool(tmp_path).broken() == 0
    assert all(isinstance(record, TrialRecord) for record in records)


def test_records_that_come_together_share_a_file_and_are_counted_each(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    records = [make_record(number) for number in range(3)]
    batch = spool.put_together(records)
    spool.put(make_record(7))
    assert next(spool.batches()) == batch
    assert [len(one.records) for one in spool.batches()] == [3, 1]
    assert list(spool.pending()) == [*records, make_record(7)]
    assert (spool.waiting(), len(list(tmp_path.iterdir()))) == (4, 2)
    spool.done_together(batch)
    spool.done_together(batch)
    assert list(spool.pending()) == [make_record(7)]


def test_records_of_one_file_go_one_by_one_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    records = [make_record(number) for number in range(3)]
    spool.put_together(records)
    spool.done(records[1])
    assert list(spool.pending()) == [records[0], records[2]]
    spool.reject(records[0], "it is blue")
    assert list(spool.pending()) == [records[2]]
    assert (spool.waiting(), spool.broken()) == (1, 1)
    spool.done(records[2])
    spool.done(records[2])
    assert (spool.waiting(), spool.broken()) == (0, 1)


def test_of_a_file_that_is_taken_over_some_records_may_be_left_out(tmp_path: Path) -> None:
    untold, spool = Spool(tmp_path / "untold"), Spool(tmp_path / "spool")
    records = [make_record(number) for number in range(4)]
    for kept in (records, records[:2], records[:1], []):
        batch = untold.put_together(records)
        for _ in range(2):  # a crash may let it be done again
            spool.adopt(batch, untold, kept)
        assert (untold.waiting(), list(spool.pending())) == (0, kept)
        for record in kept:
            spool.done(record)


def test_a_file_is_split_into_two(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    records = [make_record(number) for number in range(4)]
    alone = spool.split(spool.put_together(records), records[1:3])
    assert alone.records == tuple(records[1:3])
    assert sorted(len(batch.records) for batch in spool.batches()) == [2, 2]
    assert sorted(one.slot for one in spool.pending()) == sorted(one.slot for one in records)


def test_a_file_of_several_that_was_cut_off_is_put_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    batch = spool.put_together([make_record(1), make_record(2)])
    whole = batch.path.read_text()
    for text in (whole[:-20], whole.split("\n")[0], ""):
        batch.path.write_text(text)
        assert list(spool.pending()) == []
    assert (spool.waiting(), spool.broken()) == (0, 3)
