"""Locks of the kernel on files, which are free when their holder is gone, killed or not.

A lock's file may stand where others can write: it is never opened through a link, and never
emptied. Locks of what has no file here stand in a folder of the user's own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from study.errors import StorageError, writing

NOT_OFFERED = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})
"""What a file system answers that has no locks, or whose server of locks is away."""


def lock(file: IO[Any], path: Path, *, wait: bool = True) -> bool:
    """Lock an open file for this process alone; tell whether that is done.

    Without ``wait`` it is not where another holds it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        raise StorageError(
            f"{path}: the file system there offers no locks ({error.strerror}); choose a folder on "
            "a disk of this machine with --root, or mount it with locks"
        ) from None
    return True


def open_lock(path: Path, how: int = os.O_CREAT) -> IO[bytes]:
    """Open a lock's file as it is: no link is followed, and nothing in it is lost."""
    try:
        number = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StorageError(
                f"{path}: is a link, and a lock is none; see who made it, and remove it"
            ) from None
        raise
    file = os.fdopen(number, "r+b", buffering=0)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise StorageError(f"{path}: is no file, and a lock is one; remove it")
    return file


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Wait for, and hold, the lock of a file, which is made with its folder if need be."""
    with _made(path) as file:
        lock(file, path)
        yield


@contextmanager
def trying(path: Path) -> Iterator[bool]:
    """Yield whether the lock of a file is ours until the block ends; never waits for it."""
    with _made(path) as file:
        yield lock(file, path, wait=False)


def _made(path: Path) -> IO[bytes]:
    remedy = "make room, get the right to write there, or choose another folder with --root"
    with writing(path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        return open_lock(path)


@contextmanager
def holding_address(address: str, what: str) -> Iterator[None]:
    """Wait for, and hold, what one process of this machine at a time may do at an address."""
    with ExitStack() as both:
        name = _digest(without_password(address))
        both.enter_context(holding(own_folder() / f"{name}.{what}"))
        _hold_as_before(both, address, what)
        yield


def without_password(address: str) -> str:
    """Return what is left of an address where nothing may be secret: its server and its path.

    Examples
    --------
    >>> without_password("postgresql://anna:s3@cret?@db/payoff?password=s3cret")
    'postgresql://db/payoff'
    >>> without_password("postgresql://db/payoff?user=anna@here&password=s3cret")
    'postgresql://here'
    """
    scheme, separator, rest = address.partition("://")
    place = re.sub(r"[?&#;].*", "", rest.rpartition("@")[2], flags=re.DOTALL)
    return f"{scheme}://{place}" if separator else ""


def own_folder() -> Path:
    """Return a folder that this user alone reads and writes, the same for all of their processes.

    It does not follow the session (``XDG_RUNTIME_DIR``): a shell and a job of the night must meet.
    """
    home = os.path.join(os.path.expanduser("~"), ".cache")
    tried = []
    for folder in (
        Path(tempfile.gettempdir()) / f"payoff-{os.getuid()}",
        Path(home) / "payoff" / "locks",
    ):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own(folder):
                return folder
        tried.append(str(folder))
    raise StorageError(
        f"{tried[0]}: must be a folder that you alone can write, and so must {tried[1]}; remove "
        "what stands there, or name another folder for temporary files in TMPDIR"
    )


def _is_own(folder: Path) -> bool:
    """Tell whether a folder is ours alone; what was ours and open to others is closed."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return os.access(folder, os.W_OK | os.X_OK)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _hold_as_before(held: ExitStack, address: str, what: str) -> None:
    """Hold the lock of earlier versions (0.1) too, so that one of them and we are never both in.

    They name it by a digest of the whole address, where all can see it: a weak password can be
    guessed from it. So where an address has one, no such file is made; one that is there is used.
    """
    path = Path(tempfile.gettempdir()) / f"payoff-{os.getuid()}-{_digest(address)}.{what}"
    secret = without_password(address) != address
    with contextlib.suppress(OSError, StorageError):  # not ours: no version of ours held it
        file = held.enter_context(open_lock(path, 0 if secret else os.O_CREAT))
        if os.fstat(file.fileno()).st_uid == os.getuid():
            lock(file, path)
