"""What a mark says that a test needs of the machine, and what is missing here."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from tests.support.browser import BROWSERS, browser_path
from tests.support.databases import mariadb_programs, postgres_binaries

FIXTURES = {
    "browser": "browser",
    "postgresql": "database",
    "own_postgresql": "database",
    "finished": "slow",  # a study that was run
}
"""Who asks for a fixture has its mark."""


def missing(mark: str) -> str:
    """Return what a mark needs and this machine lacks; nothing if all is here."""
    return MISSING[mark]() if mark in MISSING else ""


def _browser() -> str:
    return "" if browser_path() else f"no browser: none of {', '.join(BROWSERS)} is on the PATH"


def _database() -> str:
    if postgres_binaries() or mariadb_programs():
        return ""
    return "no PostgreSQL on this machine, and no package pgserver"


def _latex() -> str:
    found = shutil.which("pdflatex")
    return "" if found else "pdflatex is not installed (texlive-latex-recommended)"


def _gpu() -> str:
    import torch

    return "" if torch.cuda.is_available() else "no CUDA device here"


MISSING: dict[str, Callable[[], str]] = {
    "browser": _browser,
    "database": _database,
    "latex": _latex,
    "gpu": _gpu,
}
