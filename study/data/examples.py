"""What a loader hands over, and how loaders are described to the rest of the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from study.data.dataset import Task

if TYPE_CHECKING:
    from study.data.source import DataSource

Labels = npt.NDArray[np.int64] | npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Checked arrays, before any split or label noise.

    ``x`` is float32 of shape ``(examples, *input_shape)``; ``y`` int64 labels in
    ``[0, len(classes))`` or float32 targets.
    """

    x: npt.NDArray[np.float32]
    y: Labels
    task: Task
    classes: tuple[str, ...] = ()
    """Names of the labels; empty for regression."""
    x_test: npt.NDArray[np.float32] | None = None
    y_test: Labels | None = None
    """The data's own test set, if they have one."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Loader:
    """How one kind of data is read, and which fields of a ``DataSource`` it listens to."""

    load: Callable[[DataSource, Path, Path | None], Examples]
    """``load(source, base, cache)``: relative paths start from ``base``; what is dear to generate
    may be kept in the folder ``cache``."""
    uses: frozenset[str] = frozenset()
    """Fields read besides those that every kind of data has."""
    requires: frozenset[str] = frozenset()
    """Fields that must be given."""
    own_test: bool = False
    """The data always bring their own test set."""
    check: Callable[[DataSource, Path | None], list[str]] = lambda source, base: []
    """Mistakes that only this kind of data can tell, found before anything is loaded; files are
    looked for where ``base`` is given."""
    default_test: int | float = 0.2
    default_validation: int | float = 0.1
    words: str = ""
    """What stands in brackets behind the name where the kinds of data are listed."""
    phrase: Callable[[DataSource], str] = lambda source: source.name
    """What a methods paragraph calls the data."""
    references: Callable[[DataSource], Mapping[str, str]] = lambda source: {}
    """BibTeX, by key, of what whoever uses the data must cite."""


def resolve(path: str, base: Path) -> Path:
    """Return ``path`` with ``~`` expanded, relative to ``base``."""
    return base / Path(path).expanduser()
