"""Numbers that stand for "there is none": infinities as stores keep them, 999 and -1 for failures.

They are told from the data. Infinity, and the largest numbers that floats and integers hold, are no
errors. A number that people write for a failure (:func:`_is_usual`) is one here where it stands
apart: ten times beyond all the others, below 0 where all others are above, or, among runs of
one size, where no other of them is near. Any other number is where it is both: ten times beyond all
others, and no other run of its size is near. Where the data leave it open, the number stays.

Two other runs of a size say little of their spread: beside them, the relative spread of the runs of
all sizes together says what is near.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.table.draft import Draft
from analysis.table.fields import FloatArray

_LARGEST = (3.4e38, 1.79e308)
"""Largest numbers of 32 and 64 bits."""
_APART = 10.0
"""Times the others, or times their spread, from which a number stands apart."""
_LEAST_SPREAD = 0.02
"""Relative spread that runs of one size have at least."""
_LEAST_VALUES = 3
"""Different values beside which one can stand apart."""
_ENOUGH = 3
"""Other runs of one size whose own spread says what is near."""
_LEAST_OTHERS = 2
"""Other runs of one size beside which one can stand apart, by the spread of all sizes."""
_LEAST_FREEDOM = 6
"""Degrees of freedom from which the spread of all sizes is known well enough for that."""
_LEAST_LOG = math.log(3.0)
"""Log of the factor by which one stands apart from two others, at least."""
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
    diverged = _diverged(error, draft.size, kept & ~np.isin(error, _usual(error[kept])))
    for value in _standing_apart(error, draft.size, kept & ~diverged):
        draft = draft.leave_out(
            kept & (error == value),
            reason=f"{value:g} stands apart from all other errors: it marks a failed run",
            column=draft.error_column,
        )
    return draft.leave_out(
        diverged,
        reason="the error is ten times beyond all others, those of its size too: the run diverged",
        column=draft.error_column,
    )


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


def _usual(errors: FloatArray) -> list[float]:
    """The usual numbers among the lowest and highest, where numbers can stand apart."""
    values = np.unique(errors)
    ends = np.r_[values[:6], values[-6:]] if len(values) > 12 else values
    return [float(v) for v in dict.fromkeys(ends.tolist()) if _is_usual(v)]


def _standing_apart(error: FloatArray, size: FloatArray, kept: np.ndarray) -> list[float]:
    """The values that mark failures."""
    values, counts = np.unique(error[kept], return_counts=True)
    usual = _usual(values)
    if not usual:
        return []
    number = dict(zip(values.tolist(), counts.tolist(), strict=True))
    rest = values[~np.isin(values, usual)]
    if len(rest) < _LEAST_VALUES:
        return []
    total = int(kept.sum())
    return [
        value
        for value in usual
        if number[value] < _MOST * total
        and (_beyond(value, rest) or _apart_in_its_sizes(value, usual, error, size, kept, rest))
    ]


def _diverged(error: FloatArray, size: FloatArray, kept: np.ndarray) -> np.ndarray:
    """(rows,) errors beyond a gap of a factor of ten, no other run of whose sizes is near."""
    none = np.zeros(len(error), dtype=bool)
    values = np.unique(error[kept])
    if len(values) <= _LEAST_VALUES or values[0] <= 0.0:
        return none
    gaps = np.flatnonzero(values[1:] / _APART > values[:-1])
    # The lowest gap above which only a few are: what diverged differs by orders of magnitude.
    for gap in gaps[gaps + 1 >= _LEAST_VALUES].tolist():
        beyond = np.asarray(kept & (error > values[gap]), dtype=bool)
        if beyond.sum() >= _MOST * kept.sum():
            continue
        near = kept & ~beyond
        pooled = _pooled_spread(error, size, near)
        apart = [
            _is_apart(float(error[k]) / unit, error[near & (size == size[k])], pooled)
            for k in np.flatnonzero(beyond).tolist()
            for unit in (1.0, 100.0)  # percent beside fractions are no failures
        ]
        if all(apart):
            return beyond
    return none


def _pooled_spread(error: FloatArray, size: FloatArray, rows: np.ndarray) -> float:
    """Spread of the logs of runs of one size, over all sizes; NaN where too few runs tell it."""
    values, (levels, index) = error[rows], np.unique(size[rows], return_inverse=True)
    freedom = len(values) - len(levels)
    if freedom < _LEAST_FREEDOM or (values <= 0.0).any():
        return float("nan")
    y = np.log(values)
    mean = np.bincount(index, y) / np.bincount(index)
    return float(np.sqrt(((y - mean[index]) ** 2).sum() / freedom))


def _is_apart(value: float, others: FloatArray, pooled: float) -> bool:
    """Whether a value is far from the other runs of its size."""
    few = len(others) < _ENOUGH
    if len(others) < _LEAST_OTHERS or (few and np.isnan(pooled)):
        return False
    # In units of the others, whose squares may be no numbers.
    unit = max(float(np.abs(others).max()), np.finfo(float).tiny)
    middle, v = float(np.median(others / unit)), value / unit
    least = np.nanmax([_LEAST_SPREAD, pooled]) * abs(middle)
    if abs(v - middle) < _APART * max(float((others / unit).std(ddof=1)), least):
        return False
    # Noise of two fifths is skewed: that of two others is told in logs, where both have them.
    return not few or v <= 0.0 or abs(np.log(v / middle)) >= max(_LEAST_LOG, _APART * pooled)


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
    others = kept & ~np.isin(error, usual)
    pooled = _pooled_spread(error, size, others)
    return all(
        _is_apart(value, error[others & (size == at)], pooled)
        for at in np.unique(size[kept & (error == value)])
    )
