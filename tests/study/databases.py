"""Real database servers for the tests: started here, on loopback, in a folder of their own.

PostgreSQL comes from the system's packages, else from the package ``pgserver``; MariaDB from the
system's. Servers refuse to run as root: then they run as an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KINDS = ("journal", "sqlite", "postgresql", "mariadb", "grpc")
"""Every kind of storage that a study may stand in."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged(*names: str) -> str | None:
    """Return the first user there is that a server may run as; None to stay who we are."""
    if os.getuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


def postgres_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs; None where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    if found:
        return found[0].parent
    if program := shutil.which("postgres"):
        return Path(program).parent
    try:
        import pgserver
    except ImportError:
        return None
    folder = Path(pgserver.__file__).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


class Server:
    """A database server that can be stopped and started again."""

    def __init__(self, command: list[str], user: str | None, folder: Path, port: int) -> None:
        self.command, self.user, self.folder, self.port = command, user, folder, port
        self.process: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        """Start, and wait until it listens."""
        log = (self.folder / "server.log").open("ab")
        who: dict[str, Any] = {"user": self.user, "group": _group(self.user)} if self.user else {}
        self.process = subprocess.Popen(
            self.command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **who
        )
        log.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop at once; clients lose their connections."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run a PostgreSQL server; ``addresses["postgresql"]`` is the URL of an empty database."""
    binaries = postgres_binaries()
    assert binaries is not None
    with _folder("postgres", "pgserver") as (folder, user):
        setup = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "payoff"]
        _as(user, [*setup, "-A", "trust", "-E", "UTF8", "--no-sync"], folder)
        port = free_port()
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-k", str(folder)]
        command += ["-c", "fsync=off", "-c", "max_connections=100"]
        server = Server(command, user, folder, port)
        server.addresses["postgresql"] = f"postgresql://payoff@127.0.0.1:{port}/postgres"
        try:
            server.start()
            _wait_for_answer(server.addresses["postgresql"])
            yield server
        finally:
            server.stop()


def mariadb_programs() -> tuple[str, str] | None:
    """Return the server and the program that sets it up; None where there are none."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    server = shutil.which("mariadbd", path=path)
    setup = shutil.which("mariadb-install-db", path=path)
    return (server, setup) if server and setup else None


@contextmanager
def mariadb() -> Iterator[Server]:
    """Run a MariaDB server; ``addresses["mariadb"]`` is the URL of an empty database."""
    programs = mariadb_programs()
    assert programs is not None
    with _folder("mysql") as (folder, user):
        setup = [programs[1], "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
        _as(user, [*setup, "--auth-root-authentication-method=normal"], folder)
        port = free_port()
        command = [programs[0], "--no-defaults", f"--datadir={folder}/data", f"--port={port}"]
        command += ["--bind-address=127.0.0.1", f"--socket={folder}/socket", "--skip-grant-tables"]
        command += ["--skip-networking=0", "--innodb-flush-log-at-trx-commit=2"]
        server = Server(command, user, folder, port)
        server.addresses["mariadb"] = f"mysql+pymysql://root@127.0.0.1:{port}/payoff"
        try:
            server.start()
            system = f"mysql+pymysql://root@127.0.0.1:{port}/mysql"
            _wait_for_answer(system, "CREATE DATABASE payoff")
            yield server
        finally:
            server.stop(signal.SIGTERM)


def new_database(server: Server, kind: str, name: str) -> str:
    """Create one more empty database; return its address."""
    address = server.addresses[kind]
    _wait_for_answer(address, f"CREATE DATABASE {name}")
    return address.rsplit("/", 1)[0] + f"/{name}"


def _wait_for_answer(address: str, statement: str = "SELECT 1") -> None:
    from sqlalchemy import create_engine, text

    from study.queue.opening import with_driver

    engine = create_engine(with_driver(address), isolation_level="AUTOCOMMIT")
    deadline = time.monotonic() + 60
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
            break
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    engine.dispose()


@contextmanager
def _folder(*users: str) -> Iterator[tuple[Path, str | None]]:
    user = unprivileged(*users)
    folder = Path(tempfile.mkdtemp(prefix="payoff-db-", dir="/tmp"))
    try:
        if user is not None:
            shutil.chown(folder, user, _group(user))
        yield folder, user
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _as(user: str | None, command: list[str], folder: Path) -> None:
    who: dict[str, Any] = {"user": user, "group": _group(user)} if user else {}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **who)
    assert done.returncode == 0, done.stdout + done.stderr
