"""Studies that come with the package, as the TOML sections that differ from the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MNIST1D = {"name": "mnist1d", "n_examples": 16_500, "test": 12_000, "validation": 500}

EXAMPLES: dict[str, Mapping[str, Any]] = {
    "digits": {"search": {"trials": 2}},
    "mnist1d": {
        "study": {"description": "How wide must an MLP be for 500 to 4,000 signals of MNIST-1D?"},
        "data": {**MNIST1D, "sizes": [500, 1000, 2000, 4000]},
        "space": {
            "width": [8, 16, 32, 64, 96, 128, 192, 256],
            "depth": [2],
            "prune_ratio": [0.0, 0.5],
        },
        "training": {"batch_size": 100, "epochs": 60, "min_steps": 1200},
    },
    "routes-digits": {
        "study": {
            "description": "Train small, prune big or distil big: which pays at which size, on "
            "digits?",
            "routes": ["train", "prune", "distill"],
        },
        "data": {"sizes": [320, 1280]},
        "space": {
            "width": [4, 6, 8, 12, 16, 32, 64, 128],
            "depth": [1],
            "prune_ratio": {"levels": [3, 6, 9, 12], "rate": 0.2},
            # Few axes, each well searched: what is left between two routes is the routes.
            "weight_decay": 0.01,
            "dropout": 0.0,
        },
        "training": {"min_steps": 800},
        "pruning": {"methods": ["one-shot", "iterative", "structured"]},
        "search": {"trials": 6},
        "replicates": {"draws": 8},
    },
    "routes-mnist1d": {
        "study": {
            "description": "Train small, prune big or distil big: which pays at which size, on "
            "4,000 signals of MNIST-1D?",
            "routes": ["train", "prune", "distill"],
        },
        "data": {**MNIST1D, "sizes": [4000]},
        "space": {
            "width": [8, 12, 16, 24, 32, 64, 128, 200],
            "depth": [2],
            "prune_ratio": {"levels": [3, 6, 9, 12], "rate": 0.2},
            "weight_decay": 0.1,
            "dropout": 0.0,
        },
        "training": {"batch_size": 100, "epochs": 30, "min_steps": 1200},
        "pruning": {"methods": ["one-shot", "iterative", "structured"]},
        "distillation": {"teachers": ["best", "width64-depth2", "width200-depth2"]},
        "search": {"trials": 6},
    },
    "double-descent": {
        "study": {
            "description": "Where does the test error of an MLP turn up when 15% of the labels "
            "are wrong?",
        },
        "data": {**MNIST1D, "label_noise": 0.15, "sizes": [4000]},
        "space": {
            "width": [6, 9, 14, 20, 28, 36, 50, 70, 100, 140, 200],
            "depth": [2],
            "prune_ratio": 0.0,
            "learning_rate": 0.03,
            "momentum": 0.9,
            "weight_decay": 0.0,
            "dropout": 0.0,
        },
        "training": {
            "optimizer": "sgd",
            "batch_size": 100,
            "epochs": 200,
            "min_steps": 0,
            "warmup_fraction": 0.02,
            "select": "last",
        },
        "search": {"trials": 0},
        "replicates": {"draws": 5},
    },
}
"""Name -> sections. ``digits`` is the embedded default."""
