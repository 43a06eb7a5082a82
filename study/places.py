"""Where a project keeps its studies on disk: everything below one folder, ``mlruns``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from study.errors import StorageError

DRIVERS = {
    "postgresql": ("psycopg2", "psycopg"),
    "mysql": ("pymysql", "MySQLdb"),
    "mariadb": ("pymysql", "MySQLdb"),
}
"""Python's drivers of each database, the one of our own extra first."""

EXTRAS = {
    "grpc": "grpc",
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
"""Which of our extras brings the driver of an address."""


@dataclass(frozen=True)
class Places:
    """Paths and addresses below the root folder. Nothing is created by asking."""

    root: Path
    """Absolute path, usually ``./mlruns``."""

    @classmethod
    def at(cls, root: str | Path) -> Places:
        """Return the places below ``root``, made absolute."""
        return cls(Path(root).expanduser().resolve())

    @property
    def mlflow_database(self) -> Path:
        """SQLite file of the default MLflow store."""
        return self.root / "mlflow.db"

    @property
    def mlflow_address(self) -> str:
        """Tracking address of the default MLflow store, always given explicitly."""
        return sqlite_address(self.mlflow_database)

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow's artifacts."""
        return self.root / "artifacts"

    @property
    def optuna_journal(self) -> Path:
        """File of the default Optuna storage."""
        return self.root / "optuna.journal"

    @property
    def leases(self) -> Path:
        """Folder of the locks that living workers hold."""
        return self.root / "leases"

    @property
    def cache(self) -> Path:
        """Folder of generated data sets."""
        return self.root / "cache"

    def spool(self, study: str) -> Path:
        """Folder of finished trials that MLflow has not heard of yet."""
        return self.root / "spool" / study

    def untold(self, study: str) -> Path:
        """Folder of finished trials that Optuna's storage has not heard of yet."""
        return self.spool(study) / "untold"

    def logs(self, study: str) -> Path:
        """Folder of the workers' logs."""
        return self.root / "logs" / study

    def results(self, study: str) -> Path:
        """Folder of a study's figures, tables and verdict."""
        return self.root / "results" / study


def is_server(address: str) -> bool:
    """Tell whether an address is that of a server, which is asked over HTTP."""
    return urlsplit(address).scheme in ("http", "https")


def sqlite_file(address: str) -> Path | None:
    """Return the file of a SQLite address; None for any other storage.

    Examples
    --------
    >>> sqlite_file("sqlite:////data/mlruns/mlflow.db")
    PosixPath('/data/mlruns/mlflow.db')
    >>> sqlite_file("http://localhost:5000") is None
    True
    """
    if urlsplit(address).scheme.split("+")[0] != "sqlite":
        return None
    path = address.split(":///", 1)[-1].split("?", 1)[0]
    return Path(unquote(path) if "%" in path and _is_decoded() else path)


def sqlite_address(file: Path) -> str:
    """Return the address of a SQLite file, whatever its folders are called.

    Examples
    --------
    >>> sqlite_address(Path("/data/my runs/mlflow.db"))
    'sqlite:////data/my runs/mlflow.db'

    Raises
    ------
    StorageError
        Where the installed SQLAlchemy can open no file of such a name.
    """
    path = str(file)
    if ("%" in path and _is_decoded()) or "?" in path:
        if not _is_decoded():
            raise StorageError(
                f"{file}: SQLAlchemy before 2.1 opens no file with '?' in its path; choose another "
                "folder with --root, or pip install -U sqlalchemy"
            )
        path = path.replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{path}"


@cache
def _is_decoded() -> bool:
    """Tell whether SQLAlchemy reads %20 in the path of a file as a space: from 2.1 on."""
    from sqlalchemy.engine import make_url

    return make_url("sqlite:///a%20b").database == "a b"


def with_driver(address: str) -> str:
    """Name a driver that is installed where an address names none.

    Releases of SQLAlchemy differ in the driver that they take for PostgreSQL by default.

    Examples
    --------
    >>> with_driver("sqlite:///a.db"), with_driver("mysql+pymysql://host/db")
    ('sqlite:///a.db', 'mysql+pymysql://host/db')
    """
    scheme, separator, rest = address.partition("://")
    if scheme == "postgres":  # as many hosts still write it; SQLAlchemy knows it no more
        scheme, address = "postgresql", f"postgresql://{rest}"
    for driver in DRIVERS.get(scheme, ()):
        if find_spec(driver) is not None:
            return f"{scheme}+{driver}{separator}{rest}"
    return address


def extra_of(address: str) -> str:
    """Return the extra of ours that brings the driver of an address; empty where none does."""
    return EXTRAS.get(re.split("[+:]", address)[0], "")
