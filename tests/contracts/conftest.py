"""Every storage that a study may stand in, for the suites that each of them must pass."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))

from databases import (
    free_port,
    mariadb,
    mariadb_programs,
    new_database,
    postgres_binaries,
    postgresql,
)

from study.places import Places
from study.queue.opening import open_storage


@pytest.fixture(scope="session")
def new_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Return a function from a kind of storage to the address of an empty one."""
    with ExitStack() as stack:
        servers = {}
        count = [0]

        def fresh(kind: str) -> str:
            count[0] += 1
            if kind == "journal":
                return ""
            if kind == "sqlite":
                return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/optuna.db"
            if kind == "grpc":
                return _proxy(stack, fresh("postgresql" if postgres_binaries() else "sqlite"))
            if kind == "postgresql" and postgres_binaries() is None:
                pytest.skip("no PostgreSQL on this machine, and no package pgserver")
            if kind == "mariadb" and mariadb_programs() is None:
                pytest.skip("no MariaDB on this machine")
            if kind not in servers:
                start = postgresql if kind == "postgresql" else mariadb
                servers[kind] = stack.enter_context(start())
            return new_database(servers[kind], kind, f"d{count[0]}")

        yield fresh


def _proxy(stack: ExitStack, address: str) -> str:
    from optuna.storages._grpc.server import make_server

    storage = open_storage(address, Places.at("/nowhere"))
    port = free_port()
    server = make_server(storage, "127.0.0.1", port, ThreadPoolExecutor(10))
    server.start()
    stack.callback(lambda: server.stop(None).wait())
    return f"grpc://127.0.0.1:{port}"
