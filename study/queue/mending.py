"""Going on with a journal of which some lines cannot be read: what is lost, and nothing else.

Optuna numbers trials by the lines that made them, so that none of those may just be taken out: in
its place stands a trial that failed, and its slot is queued again. Of a trial whose record is lost
its end is taken out too, so that it is trained again, with the same result. Other lines become
one that says nothing. Every record says which slot its trial had: where they no longer stand at
their slots' trials, nothing is mended. The journal as it was is kept beside the new one.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from study.errors import StorageError, writing
from study.queue.journal import UNREADABLE, append, locked
from study.record import MalformedRecord, TrialRecord

CREATE_STUDY, STUDY_ATTRIBUTE, CREATE_TRIAL, TRIAL_STATE, TRIAL_ATTRIBUTE = 0, 2, 4, 6, 8
"""Optuna's numbers of what a line does."""

COMPLETE, FAILED = 1, 3
"""Optuna's numbers of states."""

RESULT = "a result: its trial is trained again"
"""What is lost with a record, in words."""

NOTHING = {"op_code": STUDY_ATTRIBUTE, "worker_id": "", "study_id": -1, "user_attr": {"": None}}
"""A line that says nothing: an attribute of no study."""

_BEGIN = b'{"op_code":'
_TRIAL_MARKS = (b'"op_code":4', b'"distributions"', b'"intermediate_values"', b'"state":4,"value":')
_STUDY_MARKS = (b'"op_code":0', b'"study_name"', b'"directions"')


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A line that cannot be read."""

    line: int
    reason: str
    what: str
    """What is lost with it, in words."""


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A journal that can be read, and what was lost."""

    logs: tuple[dict[str, Any], ...]
    lost: tuple[Lost, ...]


class _Lines(BaseJournalBackend):
    """Lines that Optuna replays; remembers the one at which it stops."""

    def __init__(self, logs: Sequence[Any]) -> None:
        self.logs, self.at = logs, 0

    def read_logs(self, log_number_from: int) -> Any:
        for at in range(log_number_from, len(self.logs)):
            self.at = at
            yield self.logs[at]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise NotImplementedError


def mend(path: Path) -> Mended:
    """Read a journal without the lines that cannot be read; nothing is written.

    Raises
    ------
    StorageError
        If a line is lost without which the others mean something else.
    """
    raw = _lines_of(path.read_bytes())
    logs: list[Any] = []
    lost: list[Lost] = []
    for _, line in raw:
        try:
            logs.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            logs.append(_instead(path, raw, len(logs), str(error), lost))
    while (stopped := _stops_at(logs)) is not None:
        at, reason = stopped
        logs[at] = _instead(path, raw, at, reason, lost)
    _take_out_misplaced(path, raw, logs, lost)
    return Mended(logs=tuple(_without_ends(logs)), lost=tuple(sorted(lost, key=_line)))


def write_mended(path: Path, mended: Mended) -> Path:
    """Put the journal that can be read in the place of the other; return where that is kept."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    new = path.with_name(f"{path.name}.mended")
    remedy = "make room, or give this user the right to write there"
    with writing(path.parent, remedy), locked(path):
        new.unlink(missing_ok=True)
        append(new, list(mended.logs), durable=True)
        path.rename(kept)
        new.rename(path)
    return kept


def _line(lost: Lost) -> int:
    return lost.line


def _lines_of(content: bytes) -> list[tuple[int, bytes]]:
    """What was one line each, with the number of the line where it stands now.

    A changed bit may have made one line of two, or two of one. What stands behind the last end of
    a line was never written whole.
    """
    found: list[tuple[int, bytes]] = []
    broken = False
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        if _is_json(line):
            found.append((number, line))
            broken = False
        elif broken and not line.startswith(_BEGIN):
            found[-1] = (found[-1][0], found[-1][1] + line)
        else:
            pieces = re.split(rb"(?=\{\"op_code\":)", line)
            for piece in filter(None, pieces):
                whole = piece[:-1] if len(pieces) > 2 and _is_json(piece[:-1]) else piece
                found.append((number, whole))
            broken = True
    return found


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _stops_at(logs: Sequence[Any]) -> tuple[int, str] | None:
    """The line at which Optuna stops, and why; None where it reads all of them."""
    lines = _Lines(logs)
    try:
        JournalStorage(lines)
    except UNREADABLE as error:
        return lines.at, f"{error!r}"
    return None


def _instead(
    path: Path, raw: Sequence[tuple[int, bytes]], at: int, reason: str, lost: list[Lost]
) -> dict[str, Any]:
    """A line in the place of one that cannot be read."""
    number, line = raw[at]
    if sum(mark in line for mark in _STUDY_MARKS) > 1:
        raise StorageError(
            f"{path}: line {number:,} began a study, and without it the others mean nothing; "
            "restore the journal from a copy, or start afresh with --root"
        )
    if sum(mark in line for mark in _TRIAL_MARKS) > 1:
        lost.append(Lost(line=number, reason=reason, what="a queued trial, which is queued again"))
        found = re.search(rb'"study_id":(\d+)', line)
        return _failed_trial(int(found[1]) if found else _study_near(raw, at))
    what = RESULT if b'"record"' in line else "a step of a trial"
    lost.append(Lost(line=number, reason=reason, what=what))
    return dict(NOTHING)


def _study_near(raw: Sequence[tuple[int, bytes]], at: int) -> int:
    """The study of the queued trials beside a line."""
    for _, line in (*reversed(raw[:at]), *raw[at + 1 :]):
        if _TRIAL_MARKS[0] in line and (found := re.search(rb'"study_id":(\d+)', line)):
            return int(found[1])
    return 0


def _failed_trial(study_id: int) -> dict[str, Any]:
    """A trial that has its number, and no slot."""
    now = "1970-01-01T00:00:00+00:00"
    empty: dict[str, dict[str, Any]] = {
        name: {}
        for name in ("distributions", "params", "user_attrs", "system_attrs", "intermediate_values")
    }
    return {"op_code": CREATE_TRIAL, "worker_id": "", "study_id": study_id, "state": FAILED,
            "datetime_start": now, "datetime_complete": now, "value": None, "values": None,
            **empty}  # fmt: skip


def _record(log: Any) -> Any:
    """The record that a line tells; None for any other line."""
    if not isinstance(log, dict) or log.get("op_code") != TRIAL_ATTRIBUTE:
        return None
    return log["user_attr"].get("record")


def _take_out_misplaced(
    path: Path, raw: Sequence[tuple[int, bytes]], logs: list[dict[str, Any]], lost: list[Lost]
) -> None:
    """Take out records that are none, or another trial's.

    Raises
    ------
    StorageError
        If most are another trial's: the numbers have moved, and nothing can be told from them.
    """
    slots = [
        log.get("user_attrs", {}).get("slot") for log in logs if log["op_code"] == CREATE_TRIAL
    ]
    wrong: dict[int, str] = {}
    n_records = 0
    for at, log in enumerate(logs):
        record = _record(log)
        if record is None:
            continue
        n_records += 1
        trial = log["trial_id"]
        slot = slots[trial] if isinstance(trial, int) and 0 <= trial < len(slots) else ""
        try:
            if TrialRecord.from_content(record).slot != slot and slot is not None:
                wrong[at] = "it is the record of another trial"
        except MalformedRecord as error:
            wrong[at] = str(error)
    if len(wrong) > max(1, n_records // 2):
        told = ", ".join(f"{one.line:,}" for one in lost) or "none"
        raise StorageError(
            f"{path}: without the lines that cannot be read ({told}) {len(wrong):,} of "
            f"{n_records:,} results would be other trials'; restore the journal from a copy, or "
            "start afresh with --root"
        )
    for at, reason in wrong.items():
        lost.append(Lost(line=raw[at][0], reason=reason, what=RESULT))
        logs[at] = dict(NOTHING)


def _without_ends(logs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines, but for the ends of trials whose record is lost."""
    told: set[int] = set()
    found = []
    for log in logs:
        if _record(log) is not None:
            told.add(log["trial_id"])
        ends = log["op_code"] == TRIAL_STATE and log.get("state") == COMPLETE
        found.append(dict(NOTHING) if ends and log["trial_id"] not in told else log)
    return found
