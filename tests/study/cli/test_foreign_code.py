"""No file of the folder that a command is started in runs, whatever its name."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import environment
from tests.support.servers import free_port
from tests.support.waiting import FAR_AWAY

TRAP = """
import os, sys
line = " ".join([NAME, *sys.orig_argv]) + chr(10)
os.write(os.open(FIRED, os.O_CREAT | os.O_APPEND | os.O_WRONLY), line.encode())
raise ImportError("taken from the folder of the user")
"""

STUDY = """
[study]
name = "small"
[data]
sizes = [80, 160]
[space]
width = [8, 16]
depth = [1]
[search]
trials = 1
[replicates]
draws = 2
[training]
epochs = 2
[run]
workers = 2
[analysis]
resamples = 100
"""


@pytest.mark.slow
def test_no_module_of_the_current_folder_stands_in_for_one_that_is_used(tmp_path: Path) -> None:
    fired, folder, programs = tmp_path / "fired", tmp_path / "folder", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    for name in sorted(_names()):
        trap = TRAP.replace("NAME", repr(name)).replace("FIRED", repr(str(fired)))
        (folder / f"{name}.py").write_text(trap)
    (folder / "study.toml").write_text(STUDY)
    variables = environment(
        PATH=str(programs),  # no compiler but that of the package ziglang, if any
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    variables.pop("CC", None)
    for words in (
        ["run", "study.toml", "--quiet"],
        ["export", "study.toml", "--to", "paper", "--formats", "png"],
        ["register", "study.toml", "--cell", "n80-width8-depth1"],
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "study.cli", *words],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not fired.exists(), fired.read_text()
        assert done.returncode == 0, (words, done.stderr)
    _serve(["ui", "study.toml"], folder, variables)
    _serve(["dashboard", "study.toml"], folder, variables)
    assert not fired.exists(), fired.read_text()


def _names() -> set[str]:
    """Return the name of every module that anything here could import, but user's own."""
    installed = importlib.metadata.packages_distributions()
    names = {*sys.stdlib_module_names, *installed, "sitecustomize", "usercustomize", "ziglang"}
    return {name for name in names if name.isidentifier()}


def _serve(words: list[str], folder: Path, variables: dict[str, str]) -> None:
    """Start a command that serves, wait until it does, and end it."""
    command = [sys.executable, "-P", "-m", "study.cli", *words, "--port", str(free_port())]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None and server.stderr is not None
            place = server.stdout.readline()
            assert place.startswith("http://127.0.0.1:"), server.stderr.read()
            os.kill(server.pid, signal.SIGINT)
            assert server.wait(FAR_AWAY) == 0
        finally:
            server.kill()
