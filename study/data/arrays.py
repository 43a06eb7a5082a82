"""Checks of arrays that come from outside, and what is counted over them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from study.data.labels import missing
from study.errors import DataError


def as_inputs(x: object, key: str) -> npt.NDArray[np.float32]:
    """Return inputs as finite float32, of shape ``(examples, *input_shape)``."""
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{key}: must be numbers, got an array of {array.dtype}; convert it before")
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{key}: must have examples, got the shape {array.shape}; check the source")
    if array.ndim == 1:
        array = array[:, None]
    with np.errstate(over="ignore"):
        inputs = np.ascontiguousarray(array, dtype=np.float32)
    wrong = np.asarray(~np.isfinite(inputs).reshape(len(inputs), -1).all(axis=1))
    if wrong.any():
        raise DataError(missing(key, wrong))
    return inputs + np.float32(0)  # -0.0 becomes 0.0: they are equal, so their bytes should be


def as_targets(y: object, n: int, key: str) -> npt.NDArray[np.float32]:
    """Return regression targets as finite float32 of shape ``(n,)``."""
    array = as_column(y, n, key)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{key}: regression targets must be numbers, got {array.dtype}; set data.task = "
            "'classification' or convert them"
        )
    with np.errstate(over="ignore"):
        targets = array.astype(np.float32)
    wrong = ~np.isfinite(targets)
    if wrong.any():
        raise DataError(missing(key, wrong))
    return targets


def as_column(y: object, n: int, key: str) -> npt.NDArray[np.generic]:
    """Return one value an example, shape ``(n,)``."""
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise DataError(
            f"{key}: must be one value for each of the {n} examples, got the shape {array.shape}; "
            "reshape it"
        )
    return array


def row_digests(x: npt.NDArray[np.float32]) -> list[bytes]:
    """One short digest of the bytes of each example: equal digests, equal examples."""
    rows = np.ascontiguousarray(x).reshape(len(x), -1)
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]


def arrays_digest(arrays: Sequence[npt.NDArray[np.generic]], words: Sequence[object]) -> str:
    """Hex SHA-256 over types, shapes and bytes of ``arrays``, and over ``words``."""
    digest = hashlib.sha256()
    for word in words:
        digest.update(f"{word}\n".encode())
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
