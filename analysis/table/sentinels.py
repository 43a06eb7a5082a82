"""Numbers that stand for "there is none": infinities as stores keep them, 999 and -1 for failures.

They are told from the data. Infinity, and the largest numbers that floats and integers hold, are no
errors. A number that people write for a failure (:func:`_is_usual`) is one here where it stands
apart: ten times beyond all the others, below 0 where all others are above, or, among runs of
one size, where no other of them is near. Where the data leave it open, the number stays.
"""

from __future__ import annotations

import numpy as np

from analysis.table.draft import Draft
from analysis.table.fields import FloatArray

_LARGEST = (3.4e38, 1.79e308)
"""Largest numbers of 32 and 64 bits."""
_APART = 10.0
"""Times the others, or times their spread, from which a number stands apart."""
_LEAST_SPREAD = 0.02
"""Relative spread that runs of one size have at least."""
_LEAST_OTHERS = 3
"""Runs of one size beside which one can stand apart."""
_MOST = 0.5
"""Share of the rows that may be failures before a number is taken for what it is."""


def settle(draft: Draft) -> Draft:
    """Leave out rows whose error is no number but a word for failure."""
    error = draft.error
    kept = draft.kept & ~np.isnan(error)
    endless = kept & ~_is_finite(error)
    draft = draft.leave_out(
        endless, reason="the error is infinite: the run diverged", column=draft.error_column
    )
    kept &= ~endless
    for value in _standing_apart(error, draft.size, kept):
        draft = draft.leave_out(
            kept & (error == value),
            reason=f"{value:g} stands apart from all other errors: it marks a failed run",
            column=draft.error_column,
        )
    return draft


def _is_finite(values: FloatArray) -> np.ndarray:
    """Whether numbers are finite, the largest that a float can hold taken for infinite."""
    size = np.abs(values)
    single = np.abs(size / 3.4028234663852886e38 - 1.0) < 1e-3
    return np.asarray(np.isfinite(values) & (size < _LARGEST[1]) & ~single)


def _is_usual(value: float) -> bool:
    """Whether people write this number for a failure: 0, 1, -1, 100, 999, 1e10, 2147483647, ..."""
    size = abs(value)
    if size in (0.0, 1.0, 100.0) or size in (2.0**31 - 1, 2.0**31, 2.0**63, 2.0**32 - 1):
        return True
    if size < 99.0 or size != int(size):
        return False
    digits = f"{size:.0f}"
    nines = set(digits) == {"9"}
    return nines or (digits[0] == "1" and not digits[1:].strip("0")) or size >= 1e9


def _standing_apart(error: FloatArray, size: FloatArray, kept: np.ndarray) -> list[float]:
    """The values that mark failures."""
    values, counts = np.unique(error[kept], return_counts=True)
    # Of many distinct values only those at the ends can stand apart.
    ends = np.r_[values[:6], values[-6:]] if len(values) > 12 else values
    usual = [float(v) for v in dict.fromkeys(ends.tolist()) if _is_usual(v)]
    if not usual:
        return []
    number = dict(zip(values.tolist(), counts.tolist(), strict=True))
    rest = values[~np.isin(values, usual)]
    if len(rest) < _LEAST_OTHERS:
        return []
    total = int(kept.sum())
    return [
        value
        for value in usual
        if number[value] < _MOST * total
        and (_beyond(value, rest) or _apart_in_its_sizes(value, usual, error, size, kept, rest))
    ]


def _beyond(value: float, rest: FloatArray) -> bool:
    """Whether a value lies ten times beyond all others, or below 0 where none other does."""
    if value < 0.0:
        return bool(rest.min() >= 0.0 or value < -_APART * np.abs(rest).max())
    return value > 1.0 and value > _APART * float(np.abs(rest).max())


def _apart_in_its_sizes(
    value: float,
    usual: list[float],
    error: FloatArray,
    size: FloatArray,
    kept: np.ndarray,
    rest: FloatArray,
) -> bool:
    """Whether no other run of its sizes comes near a value that is outside all others."""
    if rest.min() <= value <= rest.max():
        return False
    for at in np.unique(size[kept & (error == value)]):
        others = error[kept & (size == at) & ~np.isin(error, usual)]
        if len(others) < _LEAST_OTHERS:
            return False
        middle = float(np.median(others))
        spread = max(float(others.std(ddof=1)), _LEAST_SPREAD * abs(middle))
        if abs(value - middle) < _APART * spread:
            return False
    return True
