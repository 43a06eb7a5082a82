"""Files that people name, read whole: regular ones and pipes, and never more than memory bears.

A name may lead to a device that never ends, a pipe that nobody writes to, or a file that is mostly
a hole. Each is an answer of one line, and none of them is waited for.
"""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from search_spaces.errors import PayoffError

MOST_BYTES = 800_000_000
"""Of a file: a table of so much text has some ten million rows, and takes ten times the memory."""
MOST_OF_A_PIPE = 256_000_000
"""Of a pipe, which does not say how much there is to come."""
SILENCE_SECONDS = 15.0
"""A pipe from which nothing comes for so long is not waited for."""

_CHUNK = 1 << 20
_KINDS = (
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a folder"),
)


class Unreadable(PayoffError):
    """What a name leads to can't be read as a file: why, and the remedy where there is one."""


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file or a pipe.

    Raises
    ------
    FileNotFoundError
        If there is none.
    Unreadable
        If it is something else, may not be read, has more than ``most`` bytes, or is a pipe from
        which nothing comes.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # of a name with a zero byte, no OSError
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise Unreadable(f"cannot be read ({reason})") from None
    try:
        kind = os.fstat(handle)
        for is_such, what in _KINDS:
            if is_such(kind.st_mode):
                raise Unreadable(f"is {what}; name a file")
        if stat.S_ISFIFO(kind.st_mode):
            return _of_pipe(handle, min(most, MOST_OF_A_PIPE))
        if kind.st_size > most:
            raise _too_large(most)
        return _of_file(handle, kind.st_size, most)
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})") from None
    finally:
        os.close(handle)


def _of_file(handle: int, size: int, most: int) -> bytes:
    with open(handle, "rb", closefd=False) as file:
        content = file.read(size + 1)
        while len(content) > size:  # it grows, or is one of the kernel's, whose sizes are 0
            more = file.read(_CHUNK)
            if not more:
                break
            content += more
            if len(content) > most:
                raise _too_large(most)
    return content


def _of_pipe(handle: int, most: int) -> bytes:
    parts: list[bytes] = []
    read = 0
    while True:
        ready, _, _ = select.select([handle], [], [], SILENCE_SECONDS)
        if not ready:
            raise Unreadable(
                f"is a pipe from which nothing came for {SILENCE_SECONDS:.0f} s; write the table "
                "into a file and name that"
            )
        part = os.read(handle, _CHUNK)
        if not part:
            return b"".join(parts)
        parts.append(part)
        read += len(part)
        if read > most:
            raise _too_large(most)


def _too_large(most: int) -> Unreadable:
    return Unreadable(
        f"is larger than {most / 1e6:,.0f} MB; take a part of it, or leave out columns that are "
        "not needed"
    )
