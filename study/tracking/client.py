"""MLflow's client: how it is to behave, made when it is first needed, asked page by page.

MLflow takes seconds to import, so it is imported where it is first used. The store's address is
always explicit; nothing is taken from MLflow's defaults.
"""

from __future__ import annotations

import getpass
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PAGE = 1000
"""Answers asked for at a time; the store gives no more than this, and says nothing of the rest."""

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""How MLflow is to behave unless the environment says otherwise: it sends nothing to anybody, and
it doesn't repeat requests by itself, since a repeated creation would make a second run."""

POOL = "MLFLOW_SQLALCHEMYSTORE_POOLCLASS"
"""The setting that says whether MLflow keeps connections to a database open."""


def quieten() -> None:
    """Keep MLflow to itself: no telemetry, no chatter, no stack traces in the terminal."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: F401  (it sets its loggers up when imported)

    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"(mlflow|alembic|sqlalchemy)(\.|$)")


def connect(address: str) -> MlflowClient:
    """Return a client of the store at an address."""
    quieten()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=address, registry_uri=address)


def make_tables(address: str) -> None:
    """Make the tables of an empty database, and leave no connection open."""
    with _set(POOL, "NullPool"):
        connect(address).search_experiments()


def pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield all that a paged question is answered with; ``ask`` is given each page's token."""
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def runs_of(
    client: MlflowClient, experiment_id: str, condition: str = "", order: Sequence[str] = ()
) -> Iterator[Run]:
    """Yield the runs of an experiment that were not deleted and meet a condition."""
    return pages(
        lambda token: client.search_runs(
            [experiment_id],
            condition,
            max_results=PAGE,
            order_by=list(order) or None,
            page_token=token,
        )
    )


def user() -> str:
    """Return who is logged in, as MLflow's own client would."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
