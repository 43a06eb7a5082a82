"""Columns of the trial table and hyperparameters in plain words; sizes as people read them."""

from __future__ import annotations

import math

NAMES = {
    "n_parameters": "parameters",
    "n_nonzero": "non-zero weights",
    "macs_per_example": "MACs per example",
    "flops_per_example": "FLOPs per example",
    "model_bytes": "bytes",
    "sparse_bytes": "bytes (stored sparse)",
    "peak_memory_bytes": "bytes of training memory",
    "latency_seconds": "seconds per prediction",
    "latency_p95_seconds": "seconds per prediction (95th percentile)",
    "latency_128_seconds": "seconds per batch of 128",
    "latency_128_p95_seconds": "seconds per batch of 128 (95th percentile)",
    "train_flops": "training FLOPs",
    "train_seconds": "seconds of training",
    "energy_joules": "joules of training",
    "weight_decay": "weight decay",
    "label_smoothing": "label smoothing",
    "early_stopping": "early stopping",
    "l1": "L1",
    "l2": "L2",
    "test_error": "test error",
    "val_error": "validation error",
    "train_error": "training error",
}


def plain_name(column: str) -> str:
    """A column in plain words; its own name where it is not one of the table's."""
    return NAMES.get(column, column)


def format_size(size: float) -> str:
    """A size with three digits and a suffix a person can read.

    Examples
    --------
    >>> format_size(266610), format_size(1_240_000), format_size(850), format_size(0.0123)
    ('267k', '1.24M', '850', '0.0123')
    """
    if not math.isfinite(size):
        return "-"
    for scale, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= 0.9995 * scale:
            return f"{_three(size / scale)}{suffix}"
    return _three(size)


def _three(value: float) -> str:
    """Three significant digits, never in exponents for what fits."""
    if value >= 99.95 or value == 0.0:
        return f"{value:.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
