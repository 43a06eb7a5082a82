"""Names that lead to something else than a file: one line each, and nobody waits."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from analysis import bounded
from analysis.bounded import Unreadable, read_bounded


def test_a_file_and_a_pipe_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a" * 3_000_000)
    assert read_bounded(tmp_path / "file") == b"a" * 3_000_000
    assert read_bounded(Path("/proc/self/status")).startswith(
        b"Name:"
    )  # whose size is said to be 0
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"b" * 100_000,))
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer.start()
    assert read_bounded(tmp_path / "pipe") == b"b" * 100_000
    writer.join()
    os.close(reader)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/dev/full"])
def test_devices_are_no_files(name: str) -> None:
    with pytest.raises(Unreadable, match="is a device; name a file"):
        read_bounded(Path(name))


def test_a_silent_pipe_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(bounded, "SILENCE_SECONDS", 0.05)
    with pytest.raises(Unreadable, match="nothing came"):  # nobody ever writes to it
        read_bounded(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(Unreadable, match="nothing came"):
        read_bounded(tmp_path / "pipe")
    os.close(writer)


def test_what_has_no_end_is_left_at_the_bound(tmp_path: Path) -> None:
    os.truncate(_touched(tmp_path / "hole"), 1 << 40)
    with pytest.raises(Unreadable, match="larger than 800 MB"):
        read_bounded(tmp_path / "hole")
    (tmp_path / "file").write_bytes(b"a" * 101)
    with pytest.raises(Unreadable, match="larger"):
        read_bounded(tmp_path / "file", most=100)


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none")
    with pytest.raises(Unreadable, match="is a folder"):
        read_bounded(tmp_path)
    with pytest.raises(Unreadable, match="null byte"):
        read_bounded(Path("a\0b"))
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Unreadable, match="symbolic links"):
        read_bounded(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(Unreadable):
            read_bounded(tmp_path / "socket")


def _touched(path: Path) -> Path:
    path.touch()
    return path
