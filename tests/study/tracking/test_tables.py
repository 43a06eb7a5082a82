"""MLflow's tables are touched where they are exactly as known, and no file is made by asking."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from study.tracking.rows import COLUMNS, Unfamiliar, open_tables


def test_the_tables_of_the_mlflow_that_is_installed_are_as_known(store: Path) -> None:
    with closing(open_tables(store / "mlflow.db", write=True)) as opened:
        assert opened.execute("SELECT count(*) FROM runs").fetchone() == (0,)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("table", [*COLUMNS, "experiments"])
@pytest.mark.parametrize("change", ["DROP TABLE {}", "ALTER TABLE {} RENAME TO other"])
def test_a_table_that_is_missing_is_not_as_known(
    store: Path, table: str, change: str, write: bool
) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        database.execute(change.format(table))
        database.commit()
    with pytest.raises(Unfamiliar, match=rf"the table {table} of .*mlflow.db has other columns"):
        open_tables(store / "mlflow.db", write=write)


def test_further_columns_of_experiments_are_no_matter(store: Path) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        database.execute("ALTER TABLE experiments ADD COLUMN owner VARCHAR(20)")
        database.commit()
    with closing(open_tables(store / "mlflow.db", write=True)) as tables:
        assert tables.execute("SELECT count(*) FROM experiments").fetchone()[0] >= 1


def test_triggers_forbid_writing_and_not_reading(store: Path) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        database.execute("CREATE TRIGGER watch AFTER INSERT ON runs BEGIN SELECT 1; END")
        database.commit()
    open_tables(store / "mlflow.db", write=False).close()
    with pytest.raises(Unfamiliar, match="has triggers of its own"):
        open_tables(store / "mlflow.db", write=True)


@pytest.mark.parametrize("write", [False, True])
def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, write: bool) -> None:
    with pytest.raises(sqlite3.OperationalError):
        open_tables(tmp_path / "mlflow.db", write=write)
    assert list(tmp_path.iterdir()) == []
