"""From a checked source to a data set: loaded, its test sets provided for, counted and named."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from study.data.arrays import arrays_digest, row_digests
from study.data.balance import balanced_order, groups_of
from study.data.dataset import Dataset, Examples, Labels, Loader
from study.data.labels import noisy_labels
from study.data.loaders import loader
from study.data.source import DataSource, check, may_rotate
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
    examples = found.load(source, base, cache)
    if examples.x_test is None and may_rotate(source):
        parts = _rotating(examples, source, found)
    else:
        parts = _fixed(examples, source, found)
    if source.label_noise:
        parts = _with_noise(parts, examples, source)
    n_validation = _n_validation(parts, source, found)
    arrays = (parts.x, parts.y, parts.x_test, parts.y_test)
    for array in arrays:
        array.setflags(write=False)
    n_outputs = len(examples.classes) or 1
    words = (examples.task, n_outputs, n_validation)
    if parts.n_test_drawn:  # the inputs of all test sets are those of the examples themselves
        digest = arrays_digest((parts.x, parts.y, parts.y_test), (*words, parts.n_test_drawn))
    else:
        digest = arrays_digest(arrays, words)
    return Dataset(
        name=source.name,
        task=examples.task,
        x_development=parts.x,
        y_development=parts.y,
        x_test=parts.x_test,
        y_test=parts.y_test,
        n_outputs=n_outputs,
        n_validation=n_validation,
        digest=digest,
        duplicates=parts.duplicates,
        notes=(*examples.notes, *parts.notes),
        classes=examples.classes,
        n_test_drawn=parts.n_test_drawn,
    )


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """Examples outside the test set and those of it; where it rotates, all examples twice."""

    x: npt.NDArray[np.float32]
    y: Labels
    x_test: npt.NDArray[np.float32]
    y_test: Labels
    n_test_drawn: int = 0
    duplicates: int
    notes: tuple[str, ...]


def _fixed(examples: Examples, source: DataSource, found: Loader) -> _Parts:
    """Hold one test set apart for all trials."""
    examples = _with_test(examples, source, found)
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
    return _Parts(
        x=x,
        y=y,
        x_test=examples.x_test,
        y_test=examples.y_test,
        duplicates=duplicates,
        notes=notes,
    )


def _rotating(examples: Examples, source: DataSource, found: Loader) -> _Parts:
    """Leave all examples together: each draw takes a test set of its own from them."""
    keep, duplicates, notes = _repeated(examples.x, source)
    x, y = examples.x, examples.y
    if not keep.all():
        x, y = x[keep], y[keep]
    return _Parts(
        x=x,
        y=y,
        x_test=x,
        y_test=y,
        n_test_drawn=_n_test(source, found, len(x)),
        duplicates=duplicates,
        notes=notes,
    )


def _n_test(source: DataSource, found: Loader, total: int) -> int:
    """Examples of a test set that is taken from all."""
    n_test = _count(source.test or found.default_test, total, "data.test")
    if n_test >= total:
        raise DataError(
            f"data.test: must leave examples to train on, got {n_test} of {total}; lower it"
        )
    return n_test


def _n_validation(parts: _Parts, source: DataSource, found: Loader) -> int:
    """Examples of a validation set."""
    outside = len(parts.x) - parts.n_test_drawn
    count = _count(source.validation or found.default_validation, outside, "data.validation")
    if outside - count < 1:
        raise DataError(
            f"data.validation: must leave training examples, got {count} of the {outside} "
            "outside the test set; lower it"
        )
    return count


def _with_test(examples: Examples, source: DataSource, found: Loader) -> Examples:
    """Hold a test set apart, balanced by class or target, unless the data bring one."""
    if examples.x_test is not None:
        if source.test_sets == "rotate":
            raise DataError(
                f"data.test_sets: the data bring their own test set of {len(examples.x_test)}, "
                "got 'rotate'; set it to 'fixed'"
            )
        if source.test:
            raise DataError(
                f"data.test: the data bring their own test set of {len(examples.x_test)}, "
                f"got {source.test!r}; remove it"
            )
        return examples
    total = len(examples.x)
    n_test = _n_test(source, found, total)
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


def _repeated(
    x: npt.NDArray[np.float32], source: DataSource
) -> tuple[npt.NDArray[np.bool_], int, tuple[str, ...]]:
    """Return which examples to keep, how many stand twice or more, and the notes."""
    digests = row_digests(x)
    counts = Counter(digests)
    seen: set[bytes] = set()
    keep = np.ones(len(x), dtype=bool)
    for index, digest in enumerate(digests):
        keep[index] = digest not in seen
        seen.add(digest)
    repeated = int((~keep).sum())
    if not repeated:
        return keep, 0, ()
    dropping = source.duplicates == "drop"
    shared = ", so training, validation and test sets may share them"
    note = f"{repeated} of {len(x)} inputs repeat an earlier one"
    note += " and were dropped" if dropping else shared
    if dropping:
        return keep, 0, (note,)
    return np.ones(len(x), dtype=bool), sum(n for n in counts.values() if n > 1), (note,)


def _with_noise(parts: _Parts, examples: Examples, source: DataSource) -> _Parts:
    """Replace labels of what is trained and validated on; those of test sets stay."""
    if examples.task == "regression":
        raise DataError(
            f"data.label_noise: needs labels, got {source.label_noise!r} for regression; "
            "set it to 0"
        )
    generator = np.random.default_rng([source.seed, NOISE_STREAM])
    clean = parts.y.astype(np.int64)
    noisy = noisy_labels(clean, len(examples.classes), source.label_noise, generator)
    changed = int((noisy != clean).sum())
    note = (
        f"label noise: {changed} of {len(clean)} labels were replaced by a wrong class wherever "
        "they train or validate; test sets are clean"
        if parts.n_test_drawn
        else f"label noise: {changed} of {len(clean)} labels outside the test set were replaced by "
        "a wrong class; the test set is clean"
    )
    return dataclasses.replace(parts, y=noisy, notes=(*parts.notes, note))
