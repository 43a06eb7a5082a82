"""Journals of which lines cannot be read: named, and gone on without; no result moves."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from study.cli import main
from study.errors import StorageError
from study.places import Places
from study.queue.journal import LocalStorage, UnreadableLine
from study.queue.mending import mend, write_mended
from study.queue.opening import open_storage
from study.queue.store import StudyStore, left_out
from tests.support.queues import TOTAL, drain, spec_of

Damage = Callable[[list[bytes]], int]
"""Damages lines; returns the number of the line that is to be named."""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A finished study in a journal."""
    places = Places.at(tmp_path / "mlruns")
    store = StudyStore(spec_of(), open_storage("", places))
    store.prepare()
    drain(store)
    return places


def reopened(places: Places) -> StudyStore:
    return StudyStore(spec_of(), open_storage("", places))


def nth(lines: list[bytes], mark: bytes, n: int = 2) -> int:
    return [k for k, line in enumerate(lines) if mark in line][n]


def a_record(lines: list[bytes]) -> int:
    k = nth(lines, b'"record"')
    lines[k] = lines[k].replace(b'"trial_id":', b'"trial_id":"', 1)
    return k + 1


def a_queued_trial(lines: list[bytes]) -> int:
    k = nth(lines, b'"op_code":4')
    lines[k] = lines[k].replace(b'"distributions":{', b'"distributions":[', 1)
    return k + 1


def an_operation(lines: list[bytes]) -> int:
    k = nth(lines, b'"record"')
    lines[k] = lines[k].replace(b'"op_code":8', b'"op_code":9', 1)
    return k + 1


def an_end_of_a_line(lines: list[bytes]) -> int:
    k = nth(lines, b'"op_code":4')
    lines[k : k + 2] = [lines[k] + b"J" + lines[k + 1]]
    return k + 1


def a_line_in_two(lines: list[bytes]) -> int:
    k = nth(lines, b'"record"')
    lines[k : k + 1] = [lines[k][:90], lines[k][91:]]
    return k + 1


@pytest.mark.parametrize(
    "damage", [a_record, a_queued_trial, an_operation, an_end_of_a_line, a_line_in_two]
)
def test_a_damaged_journal_is_named_by_its_line_and_gone_on_with(
    places: Places, damage: Damage
) -> None:
    before = {record.slot: record for record in reopened(places).records()}
    path = places.optuna_journal
    lines = path.read_bytes().split(b"\n")
    number = damage(lines)
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    with pytest.raises(StorageError, match=rf"line {number} \(.*payoff mend"):
        open_storage("", places)
    mended = mend(path)
    assert {one.line for one in mended.lost} <= {number}
    assert path.read_bytes() == damaged  # nothing is changed before it is asked for
    kept = write_mended(path, mended)
    assert kept.read_bytes() == damaged
    store = reopened(places)
    left = {record.slot: record for record in store.records()}
    assert len(left) >= TOTAL - 1
    assert all(before[slot] == record for slot, record in left.items())
    store.prepare()
    for one in store.deaths.find(lambda worker: False):
        store.deaths.put_back(one.id)
    drain(store)
    assert {record.slot for record in store.records()} == set(before)
    assert store.counts().finished == store.counts().total == TOTAL


def test_without_the_line_that_began_a_study_nothing_is_mended(places: Places) -> None:
    path = places.optuna_journal
    path.write_bytes(path.read_bytes().replace(b'"study_name":', b'"study_nam":', 1))
    with pytest.raises(StorageError, match="line 1 began a study"):
        mend(path)


def test_the_last_line_counts_at_once(places: Places) -> None:
    path = places.optuna_journal
    with path.open("ab") as file:
        file.write(b'{"op_code":6,\n')
    with pytest.raises(UnreadableLine):
        LocalStorage(path)
    assert len(mend(path).lost) == 1


def test_what_was_never_written_whole_is_no_damage(places: Places) -> None:
    path = places.optuna_journal
    with path.open("ab") as file:
        file.write(b'{"op_code":6,')
    assert len(reopened(places).records()) == TOTAL
    assert mend(path).lost == ()


def test_a_record_that_is_none_is_named_left_out_and_counted(places: Places) -> None:
    path = places.optuna_journal
    lines = path.read_bytes().split(b"\n")
    k, other = nth(lines, b'"record"', 1), nth(lines, b'"record"', 4)
    log = json.loads(lines[k])
    slot = log["user_attr"]["record"]["slot"]
    log["user_attr"]["record"]["metrics"]["val_error"] = [1]
    lines[k] = json.dumps(log, separators=(",", ":")).encode()
    theirs = json.loads(lines[other])
    theirs["user_attr"]["record"]["slot"] = slot
    lines[other] = json.dumps(theirs, separators=(",", ":")).encode()
    path.write_bytes(b"\n".join(lines))
    store = reopened(places)
    assert len(store.records()) == TOTAL - 2
    unread = left_out(store)
    assert unread[slot] == "metrics.val_error: must not be [1]"
    assert sorted(unread.values())[0] == "it is that of another trial"
    assert {one.line for one in mend(path).lost} == {k + 1, other + 1}


def test_whatever_bit_is_changed_what_is_left_stands_where_it_stood(places: Places) -> None:
    path = places.optuna_journal
    content = path.read_bytes()
    rng = random.Random(7)
    refused = unopened = 0
    for _ in range(120):
        data = bytearray(content)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            LocalStorage(path)
        except UnreadableLine:
            unopened += 1
        try:
            mended = mend(path)
        except StorageError:
            refused += 1
            continue
        write_mended(path, mended)
        assert mend(path).lost == ()
        records = reopened(places).records()
        assert len(records) >= TOTAL - 1
        for kept in path.parent.glob("*.damaged-*"):
            kept.unlink()
    assert unopened > 40
    assert refused < 12


def test_the_command_changes_nothing_until_it_is_told(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    path = places.optuna_journal
    root = ["--root", str(places.root)]
    assert main(["mend", *root]) == 0
    assert "every line can be read" in capsys.readouterr().out
    lines = path.read_bytes().split(b"\n")
    number = a_record(lines)
    path.write_bytes(b"\n".join(lines))
    assert main(["mend", *root]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"line {number} cannot be read")
    assert "payoff mend --yes --root" in told.err
    assert main(["mend", *root, "--yes"]) == 0
    assert "it is kept in" in capsys.readouterr().err
    assert main(["mend", *root]) == 0
    assert "every line can be read" in capsys.readouterr().out
    assert main(["mend", "--root", str(places.root / "none")]) == 2
