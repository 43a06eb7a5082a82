"""A user's own trainer: asked for one trial at a time, its answer checked."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from study.record import TrialRecord, pack_bits
from study.trials.task import failed

if TYPE_CHECKING:
    from study.trials.laboratory import Laboratory
    from study.trials.task import Task

REQUIRED_METRICS = ("val_error", "test_error", "n_parameters")
"""What an answer must hold."""


def own_record(laboratory: Laboratory, task: Task) -> TrialRecord:
    """Return the record of a trial that the user's own trainer runs.

    Raises
    ------
    TypeError, KeyError
        If its answer is not what was agreed.
    """
    started = time.time()
    answer, measured = _asked(laboratory, task)
    if not isinstance(answer, Mapping):
        raise TypeError(f"the trainer must return a dict of metrics, not {type(answer).__name__}")
    missing = [name for name in REQUIRED_METRICS if name not in answer]
    if missing:
        raise KeyError(f"the trainer's answer lacks {', '.join(missing)}")
    correct = answer.get("test_correct")
    bits = None if correct is None else np.asarray(correct, dtype=bool)
    values = {name: known for name, value in answer.items() if (known := plain(value)) is not None}
    for name, number in measured.items():
        values.setdefault(name, number)
    no_numbers = [name for name in REQUIRED_METRICS if not isinstance(values.get(name), float)]
    if no_numbers:
        raise TypeError(f"the trainer's {', '.join(no_numbers)} must be numbers")
    good = all(math.isfinite(values[name]) for name in ("val_error", "test_error"))
    reason = "" if good else "the trainer returned an error that is not finite"
    return dataclasses.replace(
        failed(laboratory.spec, task, reason, worker=laboratory.worker, started=started),
        status="complete" if good else "diverged",
        test_correct=pack_bits(bits),
        n_test=0 if bits is None else len(bits),
    ).holding(values, numbers_in="metrics")


def _asked(laboratory: Laboratory, task: Task) -> tuple[Any, dict[str, float]]:
    """Return what the trainer answers, and what was measured of it."""
    assert laboratory.own_trainer is not None
    own_trainer, slot = laboratory.own_trainer, task.slot

    def ask() -> Any:
        return own_trainer({**task.params, "draw": slot.draw}, slot.cell.n_examples, slot.seed)

    began, joules = time.monotonic(), math.nan
    if laboratory.meter is None:
        answer = ask()
    else:
        answer, joules = laboratory.meter.measure(ask)
    return answer, {"train_seconds": time.monotonic() - began, "energy_joules": joules}


def plain(value: object) -> Any:
    """Return a number, truth or word of any library as Python's own; None for anything else.

    Examples
    --------
    >>> plain(np.float32(0.5)), plain(np.array(3)), plain(np.bool_(True)), plain("x"), plain([1])
    (0.5, 3.0, True, 'x', None)
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return value
    item = getattr(value, "item", None)
    try:
        value = item() if callable(item) else value
    except (ValueError, RuntimeError):  # an array of several numbers
        return None
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
