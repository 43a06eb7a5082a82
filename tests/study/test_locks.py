"""Locks touch nobody else's file, have no secret in their names, and say where there are none."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from search_spaces.errors import PayoffError
from study.errors import StorageError
from study.launch.locking import concluding, exclusively, opening
from study.locks import holding_address, own_folder, without_password
from study.packs.compiling import compilers
from study.places import Places
from study.queue.leases import Lease, is_alive
from study.tracking.database import creation_lock
from study.tracking.spool import Spool
from tests.support.commands import environment

ADDRESS = "postgresql://anna:hunter22@db.example.org/payoff"

LOCKS = {
    ".lock": lambda root: exclusively(Places.at(root)),
    "spool/s/.concluding": lambda root: concluding(Places.at(root), "s"),
    "spool/s/.lock": lambda root: Spool(root / "spool" / "s").drain_lock(),
    "mlflow.db.lock": lambda root: creation_lock(f"sqlite:///{root}/mlflow.db"),
}
"""What is locked below a root, by the lock's file."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.mark.parametrize("place", LOCKS)
def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_stays(
    tmp_path: Path, place: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    root = tmp_path / "mlruns"
    held: AbstractContextManager[object] = LOCKS[place](root)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(precious)
    with pytest.raises(StorageError, match="is a link"), held:
        pass
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize("place", LOCKS)
def test_nothing_in_a_locks_file_is_lost(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("kept")
    with LOCKS[place](tmp_path):
        pass
    assert (tmp_path / place).read_text() == "kept"


def test_a_link_in_place_of_a_lease_or_of_the_lock_of_earlier_versions_empties_nothing(
    tmp_path: Path, temporary: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    with Lease(tmp_path / "leases") as lease:
        pass
    (tmp_path / "leases" / f"{lease.name}.lease").symlink_to(precious)
    with pytest.raises(StorageError, match="is a link"):
        is_alive(tmp_path / "leases", lease.name)
    for address in (ADDRESS, "postgresql://db/payoff"):
        _of_old(temporary, address).symlink_to(precious)
        with opening(address):
            pass
    assert precious.read_text() == "years of work"


def test_locks_of_addresses_stand_in_a_folder_that_only_their_user_enters(temporary: Path) -> None:
    with opening(ADDRESS), creation_lock("http://localhost:5000"):
        folder = own_folder()
        assert folder.parent == temporary
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.getuid()
        assert len(list(folder.iterdir())) == 2


def test_a_folder_that_was_open_to_others_is_closed(temporary: Path) -> None:
    folder = temporary / f"payoff-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert own_folder() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("trick", ["link", "file", "other"])
def test_a_folder_of_another_user_is_not_used(temporary: Path, tmp_path: Path, trick: str) -> None:
    theirs = temporary / f"payoff-{os.getuid()}"
    if trick == "link":
        (tmp_path / "elsewhere").mkdir()
        theirs.symlink_to(tmp_path / "elsewhere")
    elif trick == "file":
        theirs.touch()
    else:
        if os.getuid() != 0:
            pytest.skip("only root can give a folder to another user")
        theirs.mkdir()
        os.chown(theirs, 12_345, 12_345)
    assert own_folder() == tmp_path / "home" / ".cache" / "payoff" / "locks"
    (tmp_path / "home" / ".cache" / "payoff" / "locks").rmdir()
    (tmp_path / "home" / ".cache" / "payoff" / "locks").touch()
    with pytest.raises(StorageError, match="TMPDIR"):
        own_folder()


def test_no_name_of_a_lock_comes_from_a_password(temporary: Path) -> None:
    addresses = (
        ADDRESS,
        "postgresql://db/payoff?user=anna@here&password=hunter22",
        "mysql+pymysql://anna:hunter22?/@#@db/payoff",
        "https://hunter22@mlflow.example.org",
    )
    for address in addresses:
        with opening(address), creation_lock(address):
            pass
        other = address.replace("hunter22", "another")
        assert without_password(address) == without_password(other)
        assert "hunter22" not in without_password(address)
        names = [path.name for path in temporary.rglob("*")]
        digest = hashlib.sha256(address.encode()).hexdigest()
        assert names and not any(digest[:8] in name for name in names)


OLD = """
import fcntl, hashlib, os, sys, tempfile
from pathlib import Path
name = hashlib.sha256(sys.argv[1].encode()).hexdigest()[:16]
with (Path(tempfile.gettempdir()) / f"payoff-{os.getuid()}-{name}.opening").open("w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
"""
"""What version 0.1 did."""

NEW = """
import os, sys
from study.launch.locking import opening
with opening(sys.argv[1]):
"""

ALONE = """
    for _ in range(200):
        os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
        os.unlink(sys.argv[2])
"""
"""Fails where another process does so at the same time."""


@pytest.mark.parametrize("address", ["postgresql://db/payoff", ADDRESS])
def test_an_earlier_version_and_this_one_never_hold_the_same_at_once(
    tmp_path: Path, temporary: Path, address: str
) -> None:
    if "hunter22" in address:  # no file is made that tells of the password, but one may be there
        _of_old(temporary, address).touch()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program + ALONE, address, str(tmp_path / "inside")],
            env=environment(TMPDIR=str(temporary)),
        )
        for program in (OLD, NEW) * 4
    ]
    assert [process.wait() for process in processes] == [0] * len(processes)


def test_who_signs_in_otherwise_waits_for_the_same_lock(tmp_path: Path, temporary: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", NEW + ALONE, address, str(tmp_path / "inside")],
            env=environment(TMPDIR=str(temporary)),
        )
        for address in (ADDRESS, ADDRESS.replace("hunter22", "hunter23")) * 2
    ]
    assert [process.wait() for process in processes] == [0] * 4
    with holding_address(ADDRESS, "opening"):
        assert len(list(temporary.rglob("*.opening"))) == 1


SHIM = """
#include <errno.h>
int flock(int file, int how) { (void)file; (void)how; errno = ENOSYS; return -1; }
"""


@pytest.mark.slow
@pytest.mark.skipif(not compilers(), reason="no C compiler here")
@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
def test_a_file_system_without_locks_is_said_in_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "flock.c").write_text(SHIM)
    library = tmp_path / "flock.so"
    subprocess.run(
        [*compilers()[0], "-shared", "-fPIC", str(tmp_path / "flock.c"), "-o", str(library)],
        check=True,
    )
    folder = tmp_path / "here"
    folder.mkdir()
    for words in (
        ["run", "--quiet"],
        ["launch", "--workers", "1", "--quiet"],
        ["run", "--quiet", "--root", "other"],
        ["worker"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "study.cli", *words],
            cwd=folder,
            env=environment(LD_PRELOAD=str(library)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, (words, done.stderr)
        assert done.stderr.count("\n") == 1, (words, done.stderr)
        assert "offers no locks (Function not implemented)" in done.stderr
        assert "--root" in done.stderr


def test_every_lock_is_taken_in_one_place() -> None:
    """Then all of them follow no link, and say what a file system lacks."""
    sources = Path(__file__).parents[2] / "study"
    using = [path.name for path in sources.rglob("*.py") if "flock(" in path.read_text()]
    assert using == ["locks.py"]
    assert issubclass(StorageError, PayoffError)


def _of_old(temporary: Path, address: str) -> Path:
    """Return the lock's file of version 0.1 for an address."""
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    return temporary / f"payoff-{os.getuid()}-{name}.opening"
