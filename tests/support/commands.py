"""Commands as a user types them: in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that finds what this one finds, in the same order."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}


def payoff(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder (or here), which must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "study.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return done
