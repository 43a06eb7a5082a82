"""From a checked source to a data set: loaded, its test set held apart, counted and named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from study.data.arrays import arrays_digest, row_digests
from study.data.balance import balanced_order, groups_of
from study.data.dataset import Dataset, Examples, Labels, Loader
from study.data.labels import noisy_labels
from study.data.loaders import loader
from study.data.source import DataSource, check
from study.errors import DataError, StudyFileError

SPLIT_STREAM, NOISE_STREAM = 0, 1
"""Random streams of ``data.seed``, apart so that noise does not move the split."""


def load_dataset(source: DataSource, *, base: Path, cache: Path | None = None) -> Dataset:
    """Load, check and divide the data of a study; equal sources give equal data.

    Relative paths start from the folder ``base``, the study file's; what is dear to generate
    (mnist1d) is kept in the folder ``cache`` between processes. StudyFileError has every mistake of
    the source; DataError says why the data themselves cannot be used.
    """
    mistakes = check(source, base)
    if mistakes:
        raise StudyFileError(mistakes)
    found = loader(source.name)
    examples = _with_test(found.load(source, base, cache), source, found)
    assert examples.x_test is not None and examples.y_test is not None
    keep, duplicates, notes = _duplicates(examples.x, examples.x_test, source)
    x, y = examples.x, examples.y
    if not keep.all():  # else without a copy: images may fill much of the memory
        x, y = x[keep], y[keep]
    gone = _absent(examples.classes, y)
    if gone:
        raise DataError(
            f"data.duplicates: every class must occur outside the test set, got none of {gone} "
            "once duplicates are dropped; set it to 'report' or correct the split"
        )
    if source.label_noise:
        y, note = _with_noise(y, examples, source)
        notes = (*notes, note)
    n_validation = _count(source.validation or found.default_validation, len(x), "data.validation")
    if len(x) - n_validation < 1:
        raise DataError(
            f"data.validation: must leave training examples, got {n_validation} of the {len(x)} "
            "outside the test set; lower it"
        )
    for array in (x, y, examples.x_test, examples.y_test):
        array.setflags(write=False)
    n_outputs = len(examples.classes) or 1
    return Dataset(
        name=source.name,
        task=examples.task,
        x_development=x,
        y_development=y,
        x_test=examples.x_test,
        y_test=examples.y_test,
        n_outputs=n_outputs,
        n_validation=n_validation,
        digest=arrays_digest(
            (x, y, examples.x_test, examples.y_test), (examples.task, n_outputs, n_validation)
        ),
        duplicates=duplicates,
        notes=(*examples.notes, *notes),
        classes=examples.classes,
    )


def _with_test(examples: Examples, source: DataSource, found: Loader) -> Examples:
    """Hold a test set apart, balanced by class or target, unless the data bring one."""
    if examples.x_test is not None:
        if source.test:
            raise DataError(
                f"data.test: the data bring their own test set of {len(examples.x_test)}, "
                f"got {source.test!r}; remove it"
            )
        return examples
    total = len(examples.x)
    n_test = _count(source.test or found.default_test, total, "data.test")
    if n_test >= total:
        raise DataError(
            f"data.test: must leave examples to train on, got {n_test} of {total}; lower it"
        )
    generator = np.random.default_rng([source.seed, SPLIT_STREAM])
    chosen = np.zeros(total, dtype=bool)
    chosen[balanced_order(groups_of(examples.y), n_test, generator)] = True
    gone = _absent(examples.classes, examples.y[~chosen])
    if gone:
        raise DataError(
            f"data.test: every class must occur outside the test set, got none of {gone}; "
            "lower it or drop that class"
        )
    return dataclasses.replace(
        examples,
        x=examples.x[~chosen],
        y=examples.y[~chosen],
        x_test=examples.x[chosen],
        y_test=examples.y[chosen],
    )


def _absent(classes: tuple[str, ...], y: Labels) -> str:
    """Names of the classes that no label has; empty if there are none."""
    there = set(y.tolist())
    return ", ".join(name for label, name in enumerate(classes) if label not in there)


def _count(wanted: int | float, total: int, key: str) -> int:
    """Turn a count or a share into a count of at least one."""
    count = wanted if isinstance(wanted, int) else round(wanted * total)
    if count < 1:
        raise DataError(f"{key}: must be at least one example, got {wanted!r} of {total}; raise it")
    return count


def _duplicates(
    x: npt.NDArray[np.float32], x_test: npt.NDArray[np.float32], source: DataSource
) -> tuple[npt.NDArray[np.bool_], int, tuple[str, ...]]:
    """Return which development examples to keep, how many test examples recur, and the notes."""
    development, test = row_digests(x), row_digests(x_test)
    in_test, seen = set(test), set()
    keep = np.ones(len(x), dtype=bool)
    leaked = repeated = 0
    for index, digest in enumerate(development):
        if digest in in_test:
            leaked += 1
            keep[index] = False
        elif digest in seen:
            repeated += 1
            keep[index] = False
        seen.add(digest)
    recur = sum(digest in seen for digest in test)
    notes = []
    dropping = source.duplicates == "drop"
    if leaked:
        notes.append(
            f"{recur} of {len(x_test)} test inputs also occur outside the test set"
            + (f"; the {leaked} examples there were dropped" if dropping else " (kept)")
        )
    if repeated:
        notes.append(
            f"{repeated} of {len(x)} inputs outside the test set repeat an earlier one"
            + (" and were dropped" if dropping else ", so training and validation may share them")
        )
    if not dropping:
        keep[:] = True
    elif not keep.any():
        raise DataError(
            "data.duplicates: must leave training examples, got 'drop' where every input is in the "
            "test set too; correct the split"
        )
    return keep, 0 if dropping else recur, tuple(notes)


def _with_noise(
    y: Labels, examples: Examples, source: DataSource
) -> tuple[npt.NDArray[np.int64], str]:
    if examples.task == "regression":
        raise DataError(
            f"data.label_noise: needs labels, got {source.label_noise!r} for regression; "
            "set it to 0"
        )
    generator = np.random.default_rng([source.seed, NOISE_STREAM])
    clean = y.astype(np.int64)
    noisy = noisy_labels(clean, len(examples.classes), source.label_noise, generator)
    changed = int((noisy != clean).sum())
    return noisy, (
        f"label noise: {changed} of {len(y)} labels outside the test set were replaced by a wrong "
        "class; the test set is clean"
    )
