"""A lease tells the living from the dead, SIGKILL included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from study.errors import StorageError
from study.queue.leases import Lease, identity, is_alive, living


def test_a_held_lease_is_alive_and_a_released_one_is_not(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        assert is_alive(tmp_path, lease.name)
        assert living(tmp_path) == (lease.name,)
    assert not is_alive(tmp_path, lease.name)
    assert living(tmp_path) == ()


def test_a_killed_holder_is_dead_at_once_and_its_file_goes(tmp_path: Path) -> None:
    program = (
        "import signal; from pathlib import Path; from study.queue.leases import Lease\n"
        f"with Lease(Path({str(tmp_path)!r})) as lease:\n"
        "    print(lease.name, flush=True); signal.pause()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    name = holder.stdout.readline().strip()
    assert is_alive(tmp_path, name)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert not is_alive(tmp_path, name)
    assert [path.name for path in tmp_path.iterdir()] == [".identity"]


def test_a_worker_of_another_folder_counts_as_alive(tmp_path: Path) -> None:
    with Lease(tmp_path / "one") as lease, Lease(tmp_path / "two"):
        assert is_alive(tmp_path / "two", lease.name)
    assert is_alive(tmp_path / "two", lease.name)
    assert is_alive(tmp_path / "absent", lease.name)


def test_the_dead_are_known_after_the_host_changed_its_name_and_the_folder_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lease(tmp_path / "leases") as lease:
        pass
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    (tmp_path / "leases").rename(tmp_path / "moved")
    assert not is_alive(tmp_path / "moved", lease.name)


def test_many_first_users_agree_on_the_identity(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: identity(tmp_path / "new"), range(32)))
    assert len(found) == 1


def test_two_leases_of_one_process_have_different_names(tmp_path: Path) -> None:
    with Lease(tmp_path) as first, Lease(tmp_path) as second:
        assert first.name != second.name
        assert living(tmp_path) == tuple(sorted([first.name, second.name]))


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be written .*--root"), Lease(tmp_path / "file"):
        pass
