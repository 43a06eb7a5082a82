"""Shared by the tests of tracking: a database with nothing in it, and a tracker of a study."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from study.tracking.tracker import Tracker
from tests.support.sharing import shared
from tests.support.tracking import STUDY, tracker


@pytest.fixture(scope="session")
def fresh_database() -> Path:
    """A tracking database with nothing in it: making one takes seconds, a copy none."""

    def make(folder: Path) -> str:
        tracker(folder).initialise()
        fresh = folder / "fresh.db"
        with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
            connection.execute("DELETE FROM experiment_tags")
            connection.execute("DELETE FROM experiments WHERE name = ?", (STUDY.name,))
            connection.commit()
            connection.execute("VACUUM INTO ?", (str(fresh),))
        return str(fresh)

    return Path(shared("tracking-database", make))


@pytest.fixture
def store(fresh_database: Path, tmp_path: Path) -> Path:
    """A folder with a tracking database."""
    shutil.copy(fresh_database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def ready(store: Path) -> Tracker:
    made = tracker(store)
    made.initialise()
    return made
