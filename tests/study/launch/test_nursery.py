"""Processes that one Python forks: what they are given, how they end, and where there are none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.launch.nursery import is_safe
from tests.support.waiting import wait_until

CHILD = """
import os, sys, time
import numpy as np

def main(words):
    if words[0] == "say":
        print("out", words[1], os.environ["THERE"], flush=True)
        print("error", file=sys.stderr, flush=True)
        return 3
    if words[0] == "draw":
        print(float(np.random.random()), flush=True)
        return 0
    if words[0] == "raise":
        raise SystemExit(5)
    print("here", os.getpid(), flush=True)
    sys.stdin.read()
    return 0
"""

PARENT = """
import sys, time
sys.path.insert(0, {folder!r})
from study.launch.nursery import nursery

with nursery() as young:
    young.load(["child"], {{}})
    with open({log!r}, "wb") as log:
        child = young.start("child", ["wait"], log=log.fileno())
    print(child.pid, young._pid, flush=True)
    time.sleep(10_000)
"""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"),
    reason="processes are forked on Linux only",
)


def in_a_process(program: str, folder: Path) -> str:
    """Run a program that may use ``young``, a nursery, and ``log``, a path; return what it says.

    In a process of its own: this one has the threads of whatever was tested before.
    """
    (folder / "child.py").write_text(CHILD)
    head = f"import sys\nsys.path.insert(0, {str(folder)!r})\n"
    head += "from study.launch.nursery import is_safe, nursery\n"
    head += f"log = {str(folder / 'log')!r}\n"
    body = "".join(f"    {line}\n" for line in program.strip().splitlines())
    done = subprocess.run(
        [sys.executable, "-c", f"{head}with nursery() as young:\n{body}"],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_forked_process_gets_its_words_its_variables_and_its_log(tmp_path: Path) -> None:
    said = in_a_process(
        """
young.load(["child"], {"THERE": "too early"})
with open(log, "wb") as file:
    child = young.start("child", ["say", "a b"], variables={"THERE": "yes"}, log=file.fileno())
print(child.wait(), child.poll(), child.returncode)
""",
        tmp_path,
    )
    assert said == "3 3 3\n"
    assert (tmp_path / "log").read_text() == "out a b yes\nerror\n"


def test_its_status_is_that_of_its_exit_or_of_the_signal_that_ended_it(tmp_path: Path) -> None:
    said = in_a_process(
        """
wished = young.start("child", ["raise"])
killed = young.start("child", ["wait"])
print(killed.stdout.readline().split()[0].decode(), killed.poll())
killed.kill()
asked = young.start("child", ["wait"])
asked.stdout.readline()
asked.stdin.close()
print(wished.wait(), killed.wait(), asked.wait())
killed.kill()  # again, when it is gone: nothing happens
""",
        tmp_path,
    )
    assert said == "here None\n5 -9 0\n"


def test_siblings_draw_other_numbers_from_numpys_global_generator(tmp_path: Path) -> None:
    said = in_a_process(
        """
young.load(["child"], {})
for _ in range(3):
    with young.start("child", ["draw"]) as child:
        print(child.stdout.read().decode().strip())
""",
        tmp_path,
    )
    assert len(set(said.split())) == 3


def test_what_cannot_be_imported_is_left_to_a_process_that_is_started_anew(tmp_path: Path) -> None:
    said = in_a_process(
        """
young.load(["no_such_module"], {})
print(young.start("child", ["raise"]))
""",
        tmp_path,
    )
    assert said == "None\n"


def test_a_module_that_starts_a_thread_is_not_forked(tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    said = in_a_process(
        """
young.load(["threaded"], {})
print(young.start("child", ["raise"]))
""",
        tmp_path,
    )
    assert said == "None\n"


def test_a_process_with_a_second_thread_has_no_nursery() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not is_safe()
    finally:
        done.set()
        thread.join()


@pytest.fixture
def family(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A process that has a nursery, which has a child that waits: the three, oldest first."""
    (tmp_path / "child.py").write_text(CHILD)
    program = PARENT.format(folder=str(tmp_path), log=str(tmp_path / "log"))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child, nursery = map(int, parent.stdout.readline().split())
        wait_until((tmp_path / "log").read_text)
        yield parent, nursery, child
        parent.kill()


def lives(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_when_its_parent_is_killed_the_nursery_ends_and_its_children_hear_of_it(
    family: tuple[subprocess.Popen[str], int, int],
) -> None:
    parent, nursery, child = family
    assert lives(nursery)
    assert lives(child)
    parent.kill()
    wait_until(lambda: not lives(nursery))
    wait_until(lambda: not lives(child))  # its standard input was closed


def test_ctrl_c_and_sigterm_pass_a_nursery_by_and_reach_its_children(
    family: tuple[subprocess.Popen[str], int, int],
) -> None:
    _, nursery, child = family
    both = {signal.SIGINT, signal.SIGTERM}
    assert both <= ignored(nursery)
    assert not both & ignored(child)
    os.kill(child, signal.SIGTERM)
    wait_until(lambda: not lives(child))
    assert lives(nursery)


def ignored(pid: int) -> set[signal.Signals]:
    """Return the signals that a process ignores."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = int(next(line.split()[1] for line in lines if line.startswith("SigIgn:")), 16)
    return {one for one in signal.Signals if mask >> (one - 1) & 1}


def test_without_its_nursery_a_child_is_watched_all_the_same(tmp_path: Path) -> None:
    said = in_a_process(
        """
import os, signal
child = young.start("child", ["wait"])
child.stdout.readline()
os.kill(young._pid, signal.SIGKILL)
print(child.poll(), young.start("child", ["wait"]))
child.kill()
print(child.wait())
""",
        tmp_path,
    )
    assert said == "None None\n-9\n"


def test_nothing_of_a_nursery_is_left_when_its_block_ends(tmp_path: Path) -> None:
    said = in_a_process("print(young._pid)", tmp_path)
    assert not lives(int(said))


def test_a_nursery_that_is_gone_loads_nothing_and_says_nothing(tmp_path: Path) -> None:
    said = in_a_process(
        """
young.close()
young.load(["child"], {})
print(young.start("child", ["wait"]), young.status_of(1))
""",
        tmp_path,
    )
    assert said == "None -9\n"
