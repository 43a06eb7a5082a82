"""The command as a user types it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def payoff(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder (or here), which must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "study.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done
