"""Where a project keeps its studies on disk: everything below one folder, ``mlruns``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


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
        return f"sqlite:///{quote(str(self.mlflow_database))}"

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
    return Path(unquote(address.split(":///", 1)[-1].split("?", 1)[0]))
