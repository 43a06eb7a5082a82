"""What the address of a storage says by itself: that it is a server, or which file holds it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


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
