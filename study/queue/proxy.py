"""Optuna's gRPC proxy, through which workers need no password of the database."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import optuna
from optuna.storages import BaseStorage, GrpcStorageProxy, run_grpc_proxy_server

from study.errors import StorageAway, StorageError
from study.queue.databases import CONNECT_SECONDS
from study.redaction import redact

PROXY = "grpc://"
"""Address of Optuna's gRPC proxy: ``grpc://HOST:PORT``."""

PORT = 13000
"""Port of the proxy where the address names none: Optuna's default."""


def open_proxy(address: str) -> GrpcStorageProxy:
    """Open a proxy, which must answer."""
    host, _, port = address.removeprefix(PROXY).rstrip("/").rpartition(":")
    if not host:
        host, port = port, str(PORT)
    if not port.isdigit():
        raise StorageError(f"storage.optuna: must be grpc://HOST:PORT, got {redact(address)!r}")
    storage = _client(host.strip("[]"), int(port))
    try:
        storage.wait_server_ready(timeout=CONNECT_SECONDS)
    except ConnectionError:
        raise StorageAway(
            f"storage.optuna: no proxy answers at {redact(address)}; start one with: payoff proxy"
        ) from None
    return storage


def _client(host: str, port: int) -> GrpcStorageProxy:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return GrpcStorageProxy(host=host, port=port)


def serve(
    storage: BaseStorage, host: str, port: int, threads: int, ready: Callable[[], None]
) -> None:
    """Serve a database until Ctrl-C or SIGTERM; call ``ready`` once the proxy answers."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def announce() -> None:
        _client(host, port).wait_server_ready()
        ready()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    threading.Thread(target=announce, daemon=True).start()
    with ThreadPoolExecutor(threads) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            run_grpc_proxy_server(storage, host=host, port=port, thread_pool=pool)
        except KeyboardInterrupt:
            return
        except RuntimeError as error:
            raise StorageError(
                f"{host}:{port}: the proxy cannot listen there ({error}); "
                "choose another --host or --port"
            ) from None
