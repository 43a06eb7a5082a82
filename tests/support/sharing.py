"""What is made once for all processes that run the tests: a server, a trained study.

``pytest-xdist`` runs the tests in several processes, and a session's fixture is made in each of
them. What takes long is made by the first process that wants it, under a file's lock, and found by
the others. The folder belongs to the process that was started by hand: it ends the servers.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

VARIABLE = "TESTS_SHARED_FOLDER"
"""The processes of one run find the folder by it."""

_kept: list[subprocess.Popen[bytes]] = []
"""A server that is still running must not be forgotten: Python would warn of it."""


def open_folder() -> None:
    """Make the folder of this run; for the process that starts the others."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="payoff-tests-")


def close_folder() -> None:
    """End the servers, and remove the folder."""
    folder = Path(os.environ.pop(VARIABLE))
    for file in folder.glob("server-*.json"):
        _end(**json.loads(file.read_text()))
    shutil.rmtree(folder, ignore_errors=True)


def shared(name: str, make: Callable[[Path], Any]) -> Any:
    """Return what was made under a name; ``make`` gets a folder and returns what JSON can hold."""
    folder = Path(os.environ[VARIABLE])
    made = folder / f"{name}.json"
    with _locked(folder / f"{name}.lock"):
        if not made.exists():
            place = folder / name
            place.mkdir(exist_ok=True)
            value = make(place)
            made.write_text(json.dumps(value))
        return json.loads(made.read_text())


def outlives_us(
    server: subprocess.Popen[bytes], port: int, folder: Path, how: int = signal.SIGKILL
) -> None:
    """Say that a server, the leader of its process group, ends with the run, and its folder too."""
    _kept.append(server)
    facts = {"pid": server.pid, "port": port, "folder": str(folder), "how": int(how)}
    (Path(os.environ[VARIABLE]) / f"server-{server.pid}.json").write_text(json.dumps(facts))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _end(pid: int, port: int, folder: str, how: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
        deadline = time.monotonic() + 30
        while how != signal.SIGKILL and listens(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def listens(port: int) -> bool:
    """Say whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
