"""Which code a trial ran: this package's version, and the content of the user's own files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec


def code_version(spec: StudySpec) -> str:
    """Name this package's version and the content of the user's own code files."""
    parts = [f"payoff {_own_version()}"]
    for reference in (spec.model.function, spec.training.function, spec.data.function):
        file = spec.base / reference.rpartition(":")[0]
        if reference and file.is_file():
            parts.append(f"{file.name} {_file_digest(file)}")
    return ", ".join(parts)


@lru_cache(maxsize=1)
def _own_version() -> str:
    return version("payoff")  # reads a file


@lru_cache(maxsize=8)
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
