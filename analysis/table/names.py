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


def in_unit(value: float, column: str) -> tuple[float, str]:
    """A value of a column in the unit that a person would choose, with its prefix.

    Examples
    --------
    >>> in_unit(1.88e-5, "latency_seconds"), in_unit(310.0, "n_parameters")
    ((18.8, 'µ'), (310.0, ''))
    """
    seconds = column in FIELDS and FIELDS[column].unit == "second"
    if seconds and 0.0 < value < 0.9995:
        for scale, prefix in ((1e3, "m"), (1e6, "µ"), (1e9, "n")):
            if value * scale >= 0.9995:
                return float(f"{value * scale:.12g}"), prefix
    return value, ""


def format_quantity(value: float, column: str) -> str:
    """A value of a column as people read it: seconds with their unit, all else as a size.

    Examples
    --------
    >>> format_quantity(1.9949e-5, "latency_seconds"), format_quantity(75.0, "train_seconds")
    ('19.9 µs', '75 s')
    >>> format_quantity(448.663, "n_parameters"), format_quantity(85_002, "n_parameters")
    ('449', '85k')
    """
    if column in FIELDS and FIELDS[column].unit == "second":
        scaled, prefix = in_unit(value, column)
        return f"{_three(scaled)} {prefix}s" if math.isfinite(value) else "-"
    return format_size(value)


def format_examples(n: float, noun: str = "") -> str:
    """A dataset size as people read it: so many examples, or a share of them.

    Examples
    --------
    >>> format_examples(1000, "examples"), format_examples(80.0), format_examples(10**19)
    ('1,000 examples', '80', '1e+19')
    >>> format_examples(0.3, "examples")
    'a share of 0.3 of the examples'
    """
    if noun and n <= 1:
        return f"a share of {n:g} of the {noun}"
    whole = int(n) if float(n).is_integer() else n
    text = f"{whole:,}" if n < 1e15 else f"{n:g}"
    return f"{text} {noun}" if noun else text


def _three(value: float) -> str:
    """Three significant digits, never in exponents for what fits."""
    if value >= 99.95 or value == 0.0:
        return f"{value:.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
