"""Journals and spools that are damaged: named by the line or the file, and the rest goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.record import TrialRecord
from study.spec.study_file import load_spec
from study.tracking.spool import BROKEN, Spool
from tests.fuzz.answers import Answering, require
from tests.fuzz.effort import LONG, SHORT
from tests.fuzz.stores import finished_study, journals, spooled


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished study, whose files are spoilt one after the other."""

    answering: Answering
    journal: Path
    content: bytes
    spool: Path
    records: tuple[TrialRecord, ...]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("stores")
    places = finished_study(folder)
    spec = load_spec(folder / "study.toml")
    records = StudyStore(spec, open_storage("", places)).records()
    modules = ("study.cli.status", "study.cli.mend", "study.queue.opening", "study.launch.keeping",
               "study.queue.mending", "study.tracking.spool", "study.handover.readers")  # fmt: skip
    answering = Answering(folder, *modules)
    journal = places.optuna_journal
    yield Finished(
        answering=answering, journal=journal, content=journal.read_bytes(),
        spool=places.spool(spec.name), records=records,
    )  # fmt: skip
    answering.close()


def ask_about_journal(finished: Finished, content: bytes) -> None:
    """Whatever stands in the journal, and whatever is mended of it, is said."""
    finished.journal.write_bytes(content)
    ask = finished.answering.payoff
    require(ask("status", "study.toml"))
    require(ask("fit", f"optuna+journal://{finished.journal}", "--resamples=100"))
    require(mended := ask("mend", "--yes"))
    if mended.status == 0:
        require(again := ask("mend"))
        assert "every line can be read" in again.out
        require(ask("status", "study.toml"))
    for kept in finished.journal.parent.glob("*.damaged-*"):
        kept.unlink()


def ask_about_spool(finished: Finished, content: bytes) -> None:
    """What waits is a record, or stands aside with its reason; nothing is lost or doubled."""
    folder = finished.spool
    shutil.rmtree(folder, ignore_errors=True)
    for record in finished.records:
        Spool(folder).put(record)
    path = next(folder.glob("*.json"))
    path.write_bytes(content)
    require(finished.answering.ask("tests.fuzz.drained:pending", str(folder)))
    aside = [one for one in (folder / BROKEN).glob("*") if one.suffix == ".json"]
    assert len(list(folder.glob("*.json"))) + len(aside) == len(finished.records)
    assert len(aside) == len(list((folder / BROKEN).glob("*.reason.txt")))


def records(draw: Any, finished: Finished) -> bytes:
    return draw(spooled(finished.records[0]))


@SHORT.fewer(2)
@given(data=st.data())
def test_some_journals(finished: Finished, data: st.DataObject) -> None:
    ask_about_journal(finished, data.draw(journals(finished.content)))


@SHORT
@given(data=st.data())
def test_some_spools(finished: Finished, data: st.DataObject) -> None:
    ask_about_spool(finished, records(data.draw, finished))


@pytest.mark.fuzz
@LONG.fewer(2)
@given(data=st.data())
def test_many_journals(finished: Finished, data: st.DataObject) -> None:
    ask_about_journal(finished, data.draw(journals(finished.content)))


@pytest.mark.fuzz
@LONG
@given(data=st.data())
def test_many_spools(finished: Finished, data: st.DataObject) -> None:
    ask_about_spool(finished, records(data.draw, finished))
