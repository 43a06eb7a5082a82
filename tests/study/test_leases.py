"""A lease tells the living from the dead, SIGKILL included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study.errors import StorageError
from study.leases import Lease, is_alive, living


def test_a_held_lease_is_alive_and_a_released_one_is_not(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        assert is_alive(tmp_path, lease.name)
        assert living(tmp_path) == (lease.name,)
    assert not is_alive(tmp_path, lease.name)
    assert living(tmp_path) == ()


def test_a_killed_holder_is_dead_at_once_and_its_file_goes(tmp_path: Path) -> None:
    program = (
        "import time; from pathlib import Path; from study.leases import Lease\n"
        f"with Lease(Path({str(tmp_path)!r})) as lease:\n"
        "    print(lease.name, flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    name = holder.stdout.readline().strip()
    assert is_alive(tmp_path, name)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert not is_alive(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_of_another_host_counts_as_alive(tmp_path: Path) -> None:
    assert is_alive(tmp_path, "another-host-12-abcdef")


def test_two_leases_of_one_process_have_different_names(tmp_path: Path) -> None:
    with Lease(tmp_path) as first, Lease(tmp_path) as second:
        assert first.name != second.name
        assert living(tmp_path) == tuple(sorted([first.name, second.name]))


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be written .*--root"), Lease(tmp_path / "file"):
        pass
