"""Real database servers for the tests: started here, on loopback, in a folder of their own.

PostgreSQL comes from the system's packages, else from the package ``pgserver``; MariaDB from the
system's. Servers refuse to run as root: then they run as an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.servers import free_port
from tests.support.sharing import listens, outlives_us, shared
from tests.support.waiting import wait_until

KINDS = (
    "journal",
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.database),
    pytest.param("mariadb", marks=pytest.mark.database),
    pytest.param("grpc", marks=pytest.mark.database),
)
"""Every kind of storage that a study may stand in."""


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


class Server:
    """A database server that can be stopped and started again."""

    gently = signal.SIGINT
    """The signal upon which it ends at once and in order."""

    def __init__(
        self, command: list[str], user: str | None, folder: Path, port: int, address: str
    ) -> None:
        self.command, self.user, self.folder, self.port = command, user, folder, port
        self.address = address
        """Of an empty database."""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **_who(self.user),
            )
        try:
            wait_until(lambda: listens(self.port), alive=self.process)
        except AssertionError as error:
            raise AssertionError((self.folder / "server.log").read_text()) from error

    def stop(self, how: int | None = None) -> None:
        """Stop at once; clients lose their connections."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how or self.gently)
            self.process.wait()

    def remove(self) -> None:
        """Stop, and leave nothing on the disk."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


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


def start_postgresql() -> Server:
    """Start a PostgreSQL server in a new folder."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL on this machine, and no package pgserver")
    folder, user = _folder("postgres", "pgserver")
    setup = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "payoff"]
    _run_as(user, [*setup, "-A", "trust", "-E", "UTF8", "--no-sync"], folder)
    port = free_port()
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-k", str(folder)]
    command += ["-c", "fsync=off", "-c", "max_connections=200"]
    address = f"postgresql://payoff@127.0.0.1:{port}/postgres"
    server = Server(command, user, folder, port, address)
    server.start()
    _execute(server.address, "SELECT 1")
    return server


def mariadb_programs() -> tuple[str, str] | None:
    """Return the server and the program that sets it up; None where there are none."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    server = shutil.which("mariadbd", path=path)
    setup = shutil.which("mariadb-install-db", path=path)
    return (server, setup) if server and setup else None


def start_mariadb() -> Server:
    """Start a MariaDB server in a new folder."""
    programs = mariadb_programs()
    if programs is None:
        pytest.skip("no MariaDB on this machine")
    folder, user = _folder("mysql")
    setup = [programs[1], "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
    _run_as(user, [*setup, "--auth-root-authentication-method=normal"], folder)
    port = free_port()
    command = [programs[0], "--no-defaults", f"--datadir={folder}/data", f"--port={port}"]
    command += ["--bind-address=127.0.0.1", f"--socket={folder}/socket", "--skip-grant-tables"]
    command += ["--skip-networking=0", "--innodb-flush-log-at-trx-commit=2"]
    address = f"mysql+pymysql://root@127.0.0.1:{port}"
    server = Server(command, user, folder, port, f"{address}/payoff")
    server.gently = signal.SIGTERM
    server.start()
    _execute(f"{address}/mysql", "CREATE DATABASE payoff")
    return server


START: dict[str, Callable[[], Server]] = {
    "postgresql": start_postgresql,
    "mariadb": start_mariadb,
}


@contextmanager
def database_server(kind: str) -> Iterator[Server]:
    """Run a database server of one's own, to be stopped and started at will."""
    server = START[kind]()
    try:
        yield server
    finally:
        server.remove()


def shared_database(kind: str) -> str:
    """Return the address of the server that all tests share."""

    def make(folder: Path) -> str:
        server = START[kind]()
        assert server.process is not None
        outlives_us(server.process, server.port, server.folder, server.gently)
        return server.address

    return str(shared(kind, make))


def new_database(address: str) -> str:
    """Create one more empty database on the server of an address; return its own."""
    name = f"d{uuid4().hex}"
    _execute(address, f"CREATE DATABASE {name}")
    return f"{address.rpartition('/')[0]}/{name}"


@pytest.fixture
def postgresql() -> str:
    """Address of an empty PostgreSQL database."""
    return new_database(shared_database("postgresql"))


@pytest.fixture
def own_postgresql() -> Iterator[Server]:
    """A PostgreSQL server that the test may stop and start."""
    with database_server("postgresql") as server:
        yield server


def _execute(address: str, statement: str) -> None:
    """Run a statement as soon as the server answers."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    from study.places import with_driver

    engine = create_engine(with_driver(address), isolation_level="AUTOCOMMIT")

    def done() -> bool:
        with engine.connect() as connection:
            connection.execute(text(statement))
        return True

    wait_until(done, despite=[SQLAlchemyError])
    engine.dispose()


def _folder(*users: str) -> tuple[Path, str | None]:
    user = unprivileged(*users)
    folder = Path(tempfile.mkdtemp(prefix="payoff-db-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user, _group(user))
    return folder, user


def _who(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": _group(user)} if user else {}


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _run_as(user: str | None, command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, **_who(user)
    )
    assert done.returncode == 0, done.stdout + done.stderr
