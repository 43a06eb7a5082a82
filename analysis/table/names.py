"""Columns of the trial table, and hyperparameters, in plain words."""

from __future__ import annotations

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
