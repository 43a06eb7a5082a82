"""Finished studies whose journals and spools are damaged, by a disk or by another program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.record import TrialRecord
from study.spec.study_file import load_spec
from study.tracking.spool import Spool
from tests.fuzz.study_files import OWN, write_beside
from tests.fuzz.tables import spoilt
from tests.support.queues import record_of

ODD: tuple[Any, ...] = (None, True, -1, 0, 2**70, 1e308, "", "x", "\x1b[31m", "\x00", "\ud800", [], [1], {}, {"a": {}},
       "1970-01-01", float("nan"), float("inf"), "a" * 5000, [[]] * 3)  # fmt: skip


def finished_study(folder: Path) -> Places:
    """Write a study with every trial told, and the records in its spool."""
    write_beside(folder)
    (folder / "study.toml").write_text(OWN)
    places, spec = Places.at(folder / "mlruns"), load_spec(folder / "study.toml")
    store = StudyStore(spec, open_storage("", places))
    store.prepare()
    while (claims := store.claim("w")) is not None:
        for claim in claims:
            assert store.finish(claim.trial_id, record_of(spec, claim))
    for record in store.records():
        Spool(places.spool(spec.name)).put(record)
    return places


@st.composite
def other_values(draw: st.DrawFn, value: Any) -> Any:
    """A value of JSON with some part of it another, at any depth."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(value)))
        act = draw(st.sampled_from(["inside", "inside", "gone", "more"]))
        if act == "gone":
            return {key: one for key, one in value.items() if key != name}
        if act == "more":
            return {
                **value,
                draw(st.sampled_from(["x", "\x1b[31m", ""])): draw(st.sampled_from(ODD)),
            }
        return {**value, name: draw(other_values(value[name]))}
    return draw(st.sampled_from(ODD))


@st.composite
def journals(draw: st.DrawFn, content: bytes) -> bytes:
    """A journal with bits changed, lines doubled or gone, or lines that say something else."""
    if draw(st.booleans()):
        return draw(spoilt(content))
    lines = content.split(b"\n")
    for _ in range(draw(st.integers(1, 3))):
        k = draw(st.integers(0, len(lines) - 2))
        act = draw(st.sampled_from(["gone", "twice", "other", "other", "other"]))
        if act == "gone":
            del lines[k]
        elif act == "twice":
            lines.insert(k, lines[k])
        else:
            changed = draw(other_values(_loaded(lines[k])))
            lines[k] = json.dumps(changed, separators=(",", ":")).encode("utf-8", "replace")
    return b"\n".join(lines)


def _loaded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return {}


@st.composite
def spooled(draw: st.DrawFn, record: TrialRecord) -> bytes:
    """A file of a spool that is not what a worker wrote."""
    text = record.to_json()
    if draw(st.booleans()):
        return draw(spoilt(text.encode()))
    content: Mapping[str, Any] = json.loads(text)
    return json.dumps(draw(other_values(content))).encode("utf-8", "replace")
