"""Ports that are free, and a real MLflow server on loopback."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from tests.support.sharing import outlives_us, shared
from tests.support.waiting import wait_until

PORTS = range(20_000, 32_000)
"""Below those that systems choose for outgoing connections (Linux from 32768, macOS from 49152)."""

_claimed: list[IO[str]] = []


def free_port() -> int:
    """Return a port that nobody listens on, and that no other process of the tests is given."""
    folder = Path(tempfile.gettempdir()) / f"payoff-tests-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        file = (folder / str(port)).open("w")
        with suppress(OSError), socket.socket() as probe:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.bind(("127.0.0.1", port))
            _claimed.append(file)  # the lock lasts as long as this process
            return port
        file.close()
    raise AssertionError("no port is free")


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an MLflow server over the SQLite store in a folder until the block ends."""
    server = start_mlflow(folder, port)
    try:
        wait_until_healthy(server, port, folder)
        yield server
    finally:
        kill_group(server)


def start_mlflow(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start an MLflow server over the SQLite store in a folder; whoever wants it waits."""
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def kill_group(server: subprocess.Popen[bytes]) -> None:
    """Kill a server with all its workers."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, 9)
    server.wait()


def wait_until_healthy(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Wait until an MLflow server answers; fail with its log when it has ended."""

    def answers() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60):
            return True

    try:
        wait_until(answers, alive=server, despite=[OSError])
    except AssertionError as error:
        raise AssertionError((folder / "server.log").read_text()) from error


@pytest.fixture(scope="session")
def server_address() -> str:
    """Address of one real MLflow server, shared by all tests."""

    def make(folder: Path) -> str:
        port = free_port()
        server = start_mlflow(folder, port)
        outlives_us(server, port, folder)
        wait_until_healthy(server, port, folder)
        return f"http://127.0.0.1:{port}"

    return str(shared("mlflow-server", make))
