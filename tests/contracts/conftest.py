"""Every storage that a study may stand in, for the suites that each of them must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from study.places import Places
from study.queue.opening import open_storage
from tests.support.databases import new_database, postgres_binaries, shared_database
from tests.support.servers import free_port


@pytest.fixture(scope="session")
def new_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Return a function from a kind of storage to the address of an empty one."""
    with ExitStack() as stack:

        def fresh(kind: str) -> str:
            if kind == "journal":
                return ""
            if kind == "sqlite":
                return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/optuna.db"
            if kind == "grpc":
                return _proxy(stack, fresh("postgresql" if postgres_binaries() else "sqlite"))
            return new_database(shared_database(kind))

        yield fresh


def _proxy(stack: ExitStack, address: str) -> str:
    from optuna.storages._grpc.server import make_server

    storage = open_storage(address, Places.at("/nowhere"))
    port = free_port()
    server = make_server(storage, "127.0.0.1", port, ThreadPoolExecutor(10))
    server.start()
    stack.callback(lambda: server.stop(None).wait())
    return f"grpc://127.0.0.1:{port}"
