"""Columns of the trial table and hyperparameters in plain words; sizes as people read them."""

from __future__ import annotations

import math

from analysis.table.columns import FIELDS

HYPERPARAMETERS = {
    "weight_decay": "weight decay",
    "label_smoothing": "label smoothing",
    "early_stopping": "early stopping",
    "l1": "L1",
    "l2": "L2",
}


def plain_name(column: str) -> str:
    """A column in plain words; its own name where nothing plainer is known."""
    if column in FIELDS:
        return FIELDS[column].plain or column
    return HYPERPARAMETERS.get(column, column)


def format_size(size: float) -> str:
    """A size with three digits and a suffix a person can read.

    Examples
    --------
    >>> format_size(266610), format_size(1_240_000), format_size(850), format_size(0.0123)
    ('267k', '1.24M', '850', '0.0123')
    """
    if not math.isfinite(size):
        return "-"
    if size >= 999.5e12:
        return f"{size:.3g}"
    for scale, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= 0.9995 * scale:
            return f"{_three(size / scale)}{suffix}"
    return _three(size)


def format_examples(n: float, noun: str = "") -> str:
    """A dataset size as people read it: so many examples, or a share of them.

    Examples
    --------
    >>> format_examples(1000, "examples"), format_examples(10**19), format_examples(0.3, "examples")
    ('1,000 examples', '1e+19', 'a share of 0.3 of the examples')
    """
    if noun and n <= 1:
        return f"a share of {n:g} of the {noun}"
    text = f"{n:,}" if n < 1e15 else f"{n:g}"
    return f"{text} {noun}" if noun else text


def _three(value: float) -> str:
    """Three significant digits, never in exponents for what fits."""
    if value >= 99.95 or value == 0.0:
        return f"{value:.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
