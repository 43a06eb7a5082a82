"""A record survives the journey to disk and back."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from study.record import TrialRecord, finite, pack_bits


def record(**changes: object) -> TrialRecord:
    values: dict[str, object] = {
        "study": "s",
        "study_digest": "d",
        "optuna_study": "s/n=10",
        "trial": 3,
        "slot": "n10-width4-search0",
        "cell": "n10-width4",
        "phase": "search",
        "status": "complete",
        "reason": "",
        "route": "trained",
        "n_examples": 10,
        "draw": 0,
        "seed": 1,
        "params": {"width": 4, "learning_rate": 0.1},
        "metrics": {"val_error": 0.25},
        "sizes": {"n_parameters": 12.0},
        "flags": {"still_improving": False},
        "curve": {"val_loss": ((1, 0.5), (2, 0.25))},
        **changes,
    }
    return TrialRecord(**values)  # type: ignore[arg-type]


def test_json_gives_back_the_same_record() -> None:
    one = record()
    assert TrialRecord.from_json(one.to_json()) == one
    assert "\n" not in one.to_json()


def test_fields_that_a_later_version_added_are_passed_by() -> None:
    one = record()
    later = {**json.loads(one.to_json()), "mood": "cheerful"}
    assert TrialRecord.from_json(json.dumps(later)) == one
    assert TrialRecord.from_content({**one.content(), "mood": "cheerful"}).slot == one.slot


def test_a_nan_never_reaches_the_disk() -> None:
    with pytest.raises(ValueError, match="JSON"):
        record(metrics={"val_error": float("nan")}).to_json()
    assert finite({"a": 1.0, "b": float("nan"), "c": float("inf")}) == {"a": 1.0}


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 360])
def test_bits_survive_packing(n: int) -> None:
    bits = np.random.default_rng(n).random(n) < 0.5
    packed = np.frombuffer(base64.b64decode(pack_bits(bits)), np.uint8)
    np.testing.assert_array_equal(np.unpackbits(packed, count=n).astype(bool), bits)


def test_no_bits_pack_to_nothing() -> None:
    assert pack_bits(None) == ""


def test_values_are_kept_where_their_fields_stand() -> None:
    values = {"teacher_size": 3.0, "n_nonzero": 5.0, "mine": 7.0}
    one = record().holding(values, numbers_in="metrics")
    assert one.metrics == {"val_error": 0.25, "teacher_size": 3.0, "mine": 7.0}
    assert one.sizes == {"n_parameters": 12.0, "n_nonzero": 5.0}
