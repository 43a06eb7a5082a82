"""A user's own trainer: asked for one trial at a time, its answer checked."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analysis.table.columns import FIELDS
from analysis.table.fields import Size
from analysis.table.vocabulary import is_metric
from search_spaces.errors import PayoffError, nearest
from study.record import TrialRecord, Value, pack_bits
from study.redaction import redact, redacted
from study.trials.task import describe, failed

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec
    from study.trials.laboratory import Laboratory
    from study.trials.task import Task

REQUIRED_METRICS = ("val_error", "test_error", "n_parameters")
"""What an answer must hold."""


ERRORS = ("val_error", "test_error")
RETURNED = tuple(
    name
    for name, field in FIELDS.items()
    if field.place in ("metrics", "sizes", "flags") and type(field) is not Size
)
"""Columns of the trial table that an answer may fill, beside ``test_correct``."""

LONGEST_SHOWN = 1000
"""Characters of a value that are looked at to show it."""

LISTED = 5
"""Names of an answer that a line shows at most."""


class BrokenAnswer(PayoffError):
    """What a trainer returned is not what was agreed."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a trainer returned, checked whole."""

    values: Mapping[str, Value]
    """Every number, truth and word of it."""
    test_correct: npt.NDArray[np.bool_] | None
    left_out: tuple[str, ...]
    """Names of what is neither: lists, arrays, other objects."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of texts that no column of the trial table has: they are kept nowhere."""
        return tuple(
            name
            for name, value in self.values.items()
            if isinstance(value, str) and (name not in FIELDS or FIELDS[name].place != "words")
        )

    @property
    def beside(self) -> tuple[str, ...]:
        """Names of numbers and truths that no column has: they are logged, and draw nothing."""
        return tuple(
            name
            for name, value in self.values.items()
            if not isinstance(value, str) and name not in RETURNED
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What has no column, in a line each; none where all of it has one."""
        nowhere = (*self.left_out, *self.unused)
        lines = []
        if nowhere:
            lines.append(
                f"of the trainer's answer {_listed(nowhere)} will be kept nowhere: only numbers, "
                "truths and test_correct are"
            )
        if self.beside:
            lines.append(
                f"of the trainer's answer {_listed(self.beside)} will be logged, and draw nothing: "
                f"no column of the trial table{''.join(_hint(name) for name in self.beside)}"
            )
        return tuple(lines)

    @property
    def is_finite(self) -> bool:
        """Whether the training ended well."""
        return all(math.isfinite(float(self.values[name])) for name in ERRORS)


def own_record(laboratory: Laboratory, task: Task) -> TrialRecord:
    """Return the record of a trial that the user's own trainer runs.

    Raises
    ------
    BrokenAnswer
        If its answer is not what was agreed.
    """
    started = time.time()
    given, measured = _asked(laboratory, task)
    answer = checked(given)
    laboratory.notes += [note for note in answer.notes if note not in laboratory.notes]
    values = {**measured, **redacted(answer.values)}
    bits = answer.test_correct
    reason = "" if answer.is_finite else "the trainer returned an error that is not finite"
    return dataclasses.replace(
        failed(laboratory.spec, task, reason, worker=laboratory.worker, started=started),
        status="complete" if answer.is_finite else "diverged",
        test_correct=pack_bits(bits),
        n_test=0 if bits is None else len(bits),
    ).holding(values, numbers_in="metrics")


def checked(answer: object) -> Answer:
    """Return what a trainer returned, once all of it is what was agreed.

    An error that is not finite is an answer: the training diverged.

    Raises
    ------
    BrokenAnswer
        In one line, with every mistake.
    """
    if not isinstance(answer, Mapping):
        what = "nothing (None)" if answer is None else f"a {type(answer).__name__}"
        hint = "; end it with: return {...}" if answer is None else ""
        raise BrokenAnswer(
            f"it must return a dict with {', '.join(REQUIRED_METRICS)}, got {what}{hint}"
        )
    odd = [name for name in answer if not isinstance(name, str)]
    if odd:
        names = f"got {_shown(odd[0])}; write str(...)"
        raise BrokenAnswer(f"the names in its answer must be texts, {names}")
    wrong = []
    if missing := [name for name in REQUIRED_METRICS if name not in answer]:
        names = ", ".join(list(answer)[:LISTED]) + (", ..." if len(answer) > LISTED else "")
        wrong.append(f"its answer lacks {', '.join(missing)}, got {names or 'an empty dict'}")
    values = {name: known for name, value in answer.items() if (known := plain(value)) is not None}
    for name in (name for name in REQUIRED_METRICS if name in answer):
        wrong += _not_a_number(name, answer[name], values.get(name))
    bits = None
    if answer.get("test_correct") is not None:
        bits = _bits(answer["test_correct"])
        if bits is None:
            found = _shown(answer["test_correct"])
            wrong.append(f"test_correct must be one true or false an example, got {found}")
    if wrong:
        raise BrokenAnswer("; ".join(wrong))
    left = [name for name in answer if name not in values and name != "test_correct"]
    return Answer(values=values, test_correct=bits, left_out=tuple(left))


def _listed(names: Sequence[str]) -> str:
    """Return a few names for a line."""
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")


def _hint(name: str) -> str:
    """Say which column a name may have meant; empty where none is near."""
    close = "" if is_metric(name) else nearest(name, RETURNED)
    return f"; {name}{close}".replace("; did", ": did", 1) if close else ""


def _not_a_number(name: str, given: object, value: object) -> list[str]:
    """Say what is wrong with one of the numbers that must be there."""
    if not isinstance(value, float):
        return [f"{name} must be one number, got {_shown(given)}"]
    if name not in ERRORS:
        good = math.isfinite(value) and value >= 1 and value == math.floor(value)
        return [] if good else [f"{name} must be a whole number from 1, got {value:g}"]
    if value < 0:
        rule = "must be at least 0, and lower for better models"
        return [f"{name} {rule}, got {value:g}; return an error or a loss, no score"]
    return []


def _bits(given: Any) -> npt.NDArray[np.bool_] | None:
    """Return which test examples were answered right; None if that is not what was given."""
    try:
        if callable(getattr(given, "detach", None)):  # a tensor, on whatever device
            given = given.detach().cpu()
        found = np.asarray(given)
    except Exception:  # whatever the object's own code raises
        return None
    usable = found.ndim == 1 and found.size and found.dtype.kind in "biuf"
    return found.astype(bool) if usable and bool(np.isin(found, (0, 1)).all()) else None


def _shown(value: object) -> str:
    """Return a value as one short piece of a line, with its type."""
    try:
        text = redact(" ".join(repr(value)[:LONGEST_SHOWN].split()))
    except Exception:  # whatever the object's own code raises
        return f"a {type(value).__name__}"
    text = text if len(text) <= 40 else f"{text[:37]}..."
    return f"{text} ({type(value).__name__})"


def called_once(laboratory: Laboratory, task: Task) -> tuple[Answer, float]:
    """Call the trainer, keep nothing; return what it answers and the seconds that it took.

    Raises
    ------
    BrokenAnswer
        If it raises, or its answer is not what was agreed.
    """
    try:
        given, measured = _asked(laboratory, task)
        return checked(given), measured["train_seconds"]
    except Exception as error:
        raise BrokenAnswer(broken(laboratory.spec, task, describe(error))) from error


def broken(spec: StudySpec, task: Task, reason: str) -> str:
    """Say in one line that the trainer is to be mended before anything else."""
    where = ", ".join(f"{name} {value}" for name, value in task.slot.cell.capacity.items())
    return (
        f"training.function: {spec.training.function} failed in its first trial "
        f"({where}, n_examples {task.slot.cell.n_examples:,}): {reason}; mend it and go on (where "
        "a configuration can't be trained, return an infinite error)"
    )


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
        return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
    except OverflowError:  # a whole number beyond all floats
        return math.inf
    except Exception:  # an array of several numbers, or whatever the object's own code raises
        return None
