"""Trial records for the tests, as a worker would write them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from study.record import TrialRecord, pack_bits


def make_record(number: int, **changes: Any) -> TrialRecord:
    """Return a finished trial; ``number`` makes the slot, the seed and the scores."""
    n_examples = int(changes.get("n_examples", 80))
    status = changes.get("status", "complete")
    correct = np.arange(360) % 25 != number % 25
    fields: dict[str, Any] = {
        "study": "digits-mlp",
        "study_digest": "d" * 64,
        "optuna_study": f"digits-mlp/n={n_examples}",
        "trial": number,
        "slot": f"n{n_examples}-w64-d2-{number}",
        "cell": f"n{n_examples}-w64-d2",
        "phase": "search",
        "status": status,
        "reason": "" if status == "complete" else "loss became NaN at step 40",
        "route": "trained",
        "n_examples": n_examples,
        "draw": number % 3,
        "seed": 1000 + number,
        "params": {
            "width": 64,
            "depth": 2,
            "dropout": 0.1,
            "learning_rate": 0.001,
            "weight_decay": 0.0001,
            "prune_ratio": 0.0,
            "optimizer": "adamw",
        },
        "metrics": {
            "val_error": 0.05 + number / 1000,
            "test_error": 0.04 + number / 1000,
            "wall_seconds": 1.5,
        }
        if status == "complete"
        else {},
        "sizes": {"n_parameters": 8970.0, "n_nonzero": 8970.0, "flops_per_example": 17664.0},
        "flags": {"stopped_early": False, "still_improving": True},
        "curve": {
            "train_loss": tuple((20 * step, 2.0 / step) for step in range(1, 21)),
            "val_error": tuple((20 * step, 0.5 / step) for step in range(1, 21)),
        },
        "test_correct": pack_bits(correct),
        "n_test": 360,
        "data_digest": "e" * 64,
        "code_version": "0.1.0",
        "worker": "host-1-abc",
        "started_at": 1_790_000_000.0 + number,
        "finished_at": 1_790_000_001.5 + number,
    }
    return TrialRecord(**{**fields, **changes})


def bits_of(record: TrialRecord) -> npt.NDArray[np.bool_]:
    """Return which test examples a trial got right."""
    packed = np.frombuffer(base64.b64decode(record.test_correct), np.uint8)
    return np.unpackbits(packed, count=record.n_test).astype(bool)
