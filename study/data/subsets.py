"""Draws: each divides the examples anew, and its subsets are nested in one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.data.balance import balanced_order, groups_of
from study.data.dataset import Dataset, Split
from study.errors import DataError

VALIDATION_STREAM, TRAINING_STREAM, TEST_STREAM = 0, 1, 2
"""Random streams of one draw."""

SHARED_DRAW = 0
"""Draw whose validation set serves all draws where test sets rotate: the search's."""

BLOCK_VALUES = 2**20
"""Input values standardised at a time in double precision: 8 MiB."""

KEY = "data.sizes"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Indices into the development examples; none is in both.

    Where test sets rotate, those of the test set are indices into the same examples, and none is in
    two parts.
    """

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    """Indices into the examples that test sets are drawn from."""


def draw_indices(dataset: Dataset, n_examples: int, draw: int, seed: int) -> Draw:
    """Choose the validation set, the test set and the training subset of one draw.

    The validation set depends on (seed, draw) only. The training subset of n is the first n of an
    order of the rest, so a smaller one lies inside a larger one of the same draw. Both hold the
    classes (or tenths of the target) in the proportions of what they are taken from, as nearly as
    whole numbers allow.

    Where test sets rotate, one validation set serves all draws, so that no example of it is in any
    test set; each draw takes its test set from the others, in the proportions of their classes, and
    trains on what is left. What a small training subset leaves over is tested on as well.
    """
    mistakes = _size_mistakes(dataset, n_examples)
    if mistakes:
        raise DataError(mistakes[0])
    groups = groups_of(dataset.y_development)
    rotates = dataset.n_test_drawn > 0
    whose = SHARED_DRAW if rotates else draw
    validation = balanced_order(
        groups, dataset.n_validation, np.random.default_rng([seed, whose, VALIDATION_STREAM])
    )
    left = np.ones(len(groups), dtype=bool)
    left[validation] = False
    test = np.arange(len(dataset.x_test), dtype=np.int64)
    if rotates:
        others = np.flatnonzero(left)
        generator = np.random.default_rng([seed, draw, TEST_STREAM])
        clean = groups_of(dataset.y_test)[others]
        test = others[balanced_order(clean, dataset.n_test_drawn, generator)]
        left[test] = False
    pool = np.flatnonzero(left)
    order = balanced_order(
        groups[pool], n_examples, np.random.default_rng([seed, draw, TRAINING_STREAM])
    )
    train = pool[order]
    more = dataset.n_test_at(n_examples) - len(test)
    if rotates and more > 0:
        left[train] = False
        others = np.flatnonzero(left)
        clean = groups_of(dataset.y_test)[others]
        test = np.concatenate([test, others[balanced_order(clean, more, generator)]])
    return Draw(train=train, validation=validation, test=test)


@dataclass(frozen=True, kw_only=True, eq=False)
class Standardisation:
    """From raw values to those that a network is trained on."""

    center: npt.NDArray[np.float32]
    """Taken off the inputs; the shape of one example behind an axis of length 1, with length 1
    where the values are shared."""
    factor: npt.NDArray[np.float32]
    """The inputs are then multiplied by it."""
    target_center: float
    """Taken off the targets; 0 for classification."""
    target_scale: float
    """The targets are then divided by it; 1 for classification."""


def draw_split(dataset: Dataset, n_examples: int, draw: int, seed: int) -> Split:
    """Return the arrays of one (draw, dataset size), standardised on its training subset.

    Inputs are standardised by feature, or by channel if an example has more than one dimension
    (signals, images). A feature that does not vary in the training subset can teach nothing and is
    zero everywhere. Regression targets are standardised too.
    """
    chosen = draw_indices(dataset, n_examples, draw, seed)
    mistakes = _composition_mistakes(dataset, chosen)
    if mistakes:
        raise DataError(mistakes[0])
    x, y = dataset.x_development, dataset.y_development
    x_train = x[chosen.train]
    center, factor = _moments(x_train)
    y_parts = [y[chosen.train], y[chosen.validation], dataset.y_test[chosen.test]]
    target_center, target_scale = _target_moments(dataset, chosen)
    if dataset.task == "regression":
        y_parts = [((part - target_center) / target_scale).astype(np.float32) for part in y_parts]
    return Split(
        x_train=_standardise(x_train, center, factor),
        y_train=y_parts[0],
        x_validation=_standardise(x[chosen.validation], center, factor),
        y_validation=y_parts[1],
        x_test=_standardise(dataset.x_test[chosen.test], center, factor),
        y_test=y_parts[2],
        task=dataset.task,
        n_outputs=dataset.n_outputs,
        draw=draw,
        target_center=target_center,
        target_scale=target_scale,
    )


def standardisation(dataset: Dataset, n_examples: int, draw: int, seed: int) -> Standardisation:
    """Return how :func:`draw_split` standardises, which a model of raw values must know."""
    chosen = draw_indices(dataset, n_examples, draw, seed)
    center, factor = _moments(dataset.x_development[chosen.train])
    target_center, target_scale = _target_moments(dataset, chosen)
    return Standardisation(
        center=center, factor=factor, target_center=target_center, target_scale=target_scale
    )


def check_sizes(dataset: Dataset, sizes: Iterable[int], draws: int, seed: int) -> list[str]:
    """Return what is wrong with a study's dataset sizes, before anything is trained.

    Each must fit into the pool, and the smallest must hold every class in each draw.
    """
    mistakes: list[str] = []
    good = []
    for size in sizes:
        found = _size_mistakes(dataset, size)
        mistakes += found
        if not found:
            good.append(size)
    for draw in range(draws if good else 0):
        found = _composition_mistakes(dataset, draw_indices(dataset, min(good), draw, seed))
        if found:
            return mistakes + found
    return mistakes


def _size_mistakes(dataset: Dataset, size: int) -> list[str]:
    if size < 1:
        return [f"{KEY}: each must be at least 1, got {size}; raise it"]
    if size > dataset.pool:
        return [
            f"{KEY}: each must be at most {dataset.pool} (the {dataset.name} training pool), "
            f"got {size}; lower it or make data.test or data.validation smaller"
        ]
    return []


def _composition_mistakes(dataset: Dataset, chosen: Draw) -> list[str]:
    y, n = dataset.y_development, len(chosen.train)
    if dataset.task == "regression":
        if y[chosen.train].max() > y[chosen.train].min():
            return []
        return [
            f"{KEY}: the targets of a training subset must vary, got {n} equal ones; raise the size"
        ]
    present = np.bincount(y[chosen.train], minlength=dataset.n_outputs)
    gone = np.flatnonzero(present == 0)
    if not len(gone):
        return []
    left = np.ones(len(y), dtype=bool)
    left[chosen.validation] = False
    if dataset.n_test_drawn:
        left[chosen.test] = False
    in_pool = np.bincount(y[left], minlength=dataset.n_outputs)
    rarest = int(in_pool[gone].min())
    names = dataset.classes or tuple(str(label) for label in range(dataset.n_outputs))
    listed = ", ".join(names[label] for label in gone[:5]) + (", ..." if len(gone) > 5 else "")
    remedy = (
        f"use at least {-(-dataset.pool // rarest)}"
        if rarest
        else "add examples of it or drop the class"
    )
    if not rarest and dataset.n_test_drawn:
        remedy += ', or set data.test_sets to "fixed"'
    return [f"{KEY}: each must hold every class, got {n}, which misses {listed}; {remedy}"]


def _target_moments(dataset: Dataset, chosen: Draw) -> tuple[float, float]:
    """Mean and standard deviation of a regression's training targets; else 0 and 1."""
    if dataset.task != "regression":
        return 0.0, 1.0
    y = dataset.y_development[chosen.train]
    return float(y.mean(dtype=np.float64)), float(y.std(dtype=np.float64))


def _moments(
    x: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean, and one over the standard deviation (0 where nothing varies), by feature or channel.

    Two passes in double precision, in blocks: images are never held in double precision whole.
    """
    axes = (0,) if x.ndim == 2 else (0, *range(2, x.ndim))
    rows = max(1, BLOCK_VALUES // max(1, x[0].size))
    blocks = [x[start : start + rows] for start in range(0, len(x), rows)]
    total = sum(block.sum(axis=axes, keepdims=True, dtype=np.float64) for block in blocks)
    mean = np.asarray(total / (x.size / np.size(total)))
    squares = sum(np.square(block - mean).sum(axis=axes, keepdims=True) for block in blocks)
    deviation = np.sqrt(np.asarray(squares / (x.size / np.size(total))))
    varies = x.max(axis=axes, keepdims=True) > x.min(axis=axes, keepdims=True)
    factor = np.zeros_like(deviation)
    np.divide(1.0, deviation, out=factor, where=varies & (deviation > 0))
    return mean.astype(np.float32), factor.astype(np.float32)


def _standardise(
    x: npt.NDArray[np.float32], center: npt.NDArray[np.float32], factor: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Standardise in place; return ``x``."""
    x -= center
    x *= factor
    return x
