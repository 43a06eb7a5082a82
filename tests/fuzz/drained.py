"""What a worker does with a spool and with an answer, in one call for a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search_spaces.errors import PayoffError
from study.terminal import plain_streams, say


def pending(folder: str) -> int:
    """Read what waits in a spool; what is no record is moved aside."""
    from study.tracking.spool import Spool

    with plain_streams():
        try:
            for record in Spool(folder).pending():
                print(record.slot, record.reason)
        except PayoffError as error:
            say(error)
            return 2
    return 0


def kept(expression: str, folder: str) -> int:
    """Check an answer as a worker does, keep it as a record, and read it back."""
    from study.record import TrialRecord
    from study.redaction import redacted
    from study.tracking.entries import entry
    from study.trials.own_trainer import checked
    from tests.support.records import make_record

    with plain_streams():
        try:
            answer = checked(_evaluated(expression))
            for note in answer.notes:
                print(note)
            record = make_record(1).holding(redacted(answer.values), numbers_in="metrics")
            assert TrialRecord.from_json(record.to_json()) == record
            (Path(folder) / "record.json").write_text(record.to_json(), encoding="utf-8")
            written = entry(record)
            (Path(folder) / "entry").write_text(repr(written), encoding="utf-8")
        except PayoffError as error:
            say(error)
            return 2
    return 0


def _evaluated(expression: str) -> Any:
    """What a trainer would return."""
    import numpy as np

    names: dict[str, Any] = {"np": np, "inf": float("inf"), "nan": float("nan")}
    exec(expression, names)
    return names["answer"]
