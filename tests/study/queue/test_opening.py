"""Addresses that are none, files that are no journal, databases and proxies that do not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import StorageAway, StorageError
from study.places import Places, with_driver
from study.queue.opening import open_storage


def test_a_file_that_is_no_journal_is_a_clear_error(tmp_path: Path) -> None:
    places = Places.at(tmp_path)
    places.optuna_journal.write_text('{"op_code": 99, "worker_id": "x"}\n')
    with pytest.raises(StorageError, match="is not a journal that Optuna"):
        open_storage("", places)


def test_a_database_that_cannot_be_opened_is_not_called_a_journal() -> None:
    with pytest.raises(StorageError, match=r"cannot open this storage \(.*; check the address"):
        open_storage("postgresql://me@host:port/db", Places.at("/nowhere"))


def test_an_address_that_leads_nowhere_is_shown_without_its_password() -> None:
    with pytest.raises(StorageError) as caught:
        open_storage("nosuch://me:sesame@host/db", Places.at("/nowhere"))
    assert "sesame" not in str(caught.value)
    assert "must be an address" in str(caught.value)


def test_a_proxy_that_does_not_answer_is_shown_without_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("study.queue.proxy.CONNECT_SECONDS", 0.3)
    with pytest.raises(StorageAway, match="no proxy answers at grpc://me") as caught:
        open_storage("grpc://me:sesame@127.0.0.1:1", Places.at("/nowhere"))
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["postgres//db/x", "htp://host", "foo://host/name", "grpc:/x"])
def test_what_is_no_address_is_answered_with_one(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"must be an address, got .*; write postgresql://USER"):
        open_storage(wrong, Places.at(tmp_path))


def test_the_short_name_of_postgresql_is_understood(tmp_path: Path) -> None:
    assert with_driver("postgres://u@h/d") == with_driver("postgresql://u@h/d")
    with pytest.raises(StorageAway, match="does not answer") as caught:
        open_storage("postgres://u:secret@127.0.0.1:1/d", Places.at(tmp_path))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "remedy"),
    [("oracle://db/x", "install it, or use PostgreSQL"), ("mysql+asyncmy://db/x", "payoff[mysql]")],
)
def test_a_driver_that_is_not_there_is_answered_with_what_brings_it(
    address: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="driver is not installed") as caught:
        open_storage(address, Places.at(tmp_path))
    assert remedy in str(caught.value)
