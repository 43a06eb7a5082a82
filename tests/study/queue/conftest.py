"""Storages that every test of the queue runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.storages import BaseStorage

from study.places import Places
from study.queue.opening import open_storage
from tests.support.queues import sqlite_address


@pytest.fixture(params=["journal", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BaseStorage:
    """An empty storage."""
    address = "" if request.param == "journal" else sqlite_address(tmp_path)
    return open_storage(address, Places.at(tmp_path))
