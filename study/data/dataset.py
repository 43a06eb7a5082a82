"""What a loader hands over, and what a data set is to the rest of the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from study.data.source import DataSource

MOST_TESTED = 2000
"""Rotating test sets are made of all that is not trained on, up to so many examples: testing a
network on them takes a twentieth of training it for 400 steps of 32."""

Task = Literal["classification", "regression"]
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


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All examples of one data set, in memory: with a test set held apart, or one of each draw.

    The arrays are read-only. ``x_*`` has shape ``(examples, *input_shape)``, float32, not yet
    standardised; ``y_*`` has shape ``(examples,)``: int64 labels in ``[0, n_outputs)`` for
    classification, float32 targets for regression (then ``n_outputs`` is 1).
    """

    name: str
    task: Task
    x_development: npt.NDArray[np.float32]
    """Examples that training and validation sets are drawn from; all of them where test sets
    rotate."""
    y_development: Labels
    x_test: npt.NDArray[np.float32]
    """Examples that choose nothing: the same for every trial of a study or, where test sets rotate,
    all examples once more, of which each draw takes ``n_test_drawn``."""
    y_test: Labels
    """Clean, whatever noise ``y_development`` has."""
    n_outputs: int
    """Classes, or 1 for regression."""
    n_validation: int
    """Examples that are set aside for validation: by each draw, or where test sets rotate by all
    draws together. The pool is what is left."""
    digest: str
    """Hex SHA-256 over every array, the split and the task."""
    duplicates: int
    """Test examples whose input also stands, byte for byte, among the development examples (0 once
    those have been dropped). Where test sets rotate, examples whose input stands twice or more."""
    notes: tuple[str, ...] = ()
    """What a person must be told (label noise put in, duplicates found or dropped, ...)."""
    classes: tuple[str, ...] = ()
    """Names of the labels; empty for regression."""
    n_test_drawn: int = 0
    """Test examples that each draw takes at least where test sets rotate; 0: the test set is
    fixed."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_development.shape[1:])

    def n_test_at(self, n_examples: int) -> int:
        """Examples of one test set: where they rotate, of a draw that trains on ``n_examples``."""
        if not self.n_test_drawn:
            return len(self.x_test)
        left = len(self.x_development) - self.n_validation - n_examples
        return min(left, max(self.n_test_drawn, MOST_TESTED))

    @property
    def n_test_pool(self) -> int:
        """Examples that rotating test sets are drawn from; 0 where the test set is fixed."""
        return len(self.x_test) - self.n_validation if self.n_test_drawn else 0

    @property
    def pool(self) -> int:
        """Largest training subset that can be drawn."""
        return len(self.x_development) - self.n_validation - self.n_test_drawn


@dataclass(frozen=True, kw_only=True)
class Split:
    """Training, validation and test arrays of one (draw, dataset size), standardised on train.

    Regression targets are standardised too, on the training targets; errors are then relative to
    the standard deviation of the training targets.
    """

    x_train: npt.NDArray[np.float32]
    y_train: Labels
    x_validation: npt.NDArray[np.float32]
    y_validation: Labels
    x_test: npt.NDArray[np.float32]
    y_test: Labels
    task: Task
    n_outputs: int
    draw: int
    target_center: float = 0.0
    """What was taken off regression targets ..."""
    target_scale: float = 1.0
    """... and what they were then divided by."""

    @property
    def n_examples(self) -> int:
        """Training examples: the dataset size."""
        return len(self.x_train)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_train.shape[1:])
